"""Which files make which table."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from ducklake.api.extraction import ExtractRequest
from ducklake.errors import DataError
from ducklake.testing import read_table
from ducklake_connector_csv.connector import CsvConnector
from ducklake_connector_csv.options import CsvOptions


@pytest.fixture
def source(tmp_path, connector_context):
    def make(files, path, source="drops", **options):
        for name, content in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content, encoding="utf-8")
        return CsvConnector(CsvOptions(path=path, **options), connector_context(source))

    return make


def names(connector) -> list[str]:
    with connector.open([]) as session:
        return [table.name for table in session.tables()]


def test_one_file_is_a_table_called_by_its_stem(source):
    assert names(source({"ventas.csv": "a\n1\n"}, "ventas.csv")) == ["ventas"]


def test_a_pattern_is_one_table_called_by_the_source(source):
    connector = source({"in/b.csv": "a\n2\n", "in/a.csv": "a\n1\n", "in/.hidden.csv": "a\n9\n", "in/x.txt": "?"}, "in/*.csv")
    assert names(connector) == ["drops"]
    assert sorted(read_table(connector, "drops")["a"].to_pylist()) == [1, 2]


def test_a_table_for_each_stem_and_for_each_folder(source):
    files = {"in/x/b.csv": "a\n2\n", "in/y/b.csv": "a\n1\n", "in/y/a.csv": "a\n3\n"}
    assert names(source(files, "in/**/*.csv", table="{stem}")) == ["a", "b"]
    assert names(source(files, "in/**/*.csv", table="{folder}_{name}")) == ["x_b.csv", "y_a.csv", "y_b.csv"]


def test_a_pattern_that_matches_nothing_has_no_tables(source):
    assert names(source({}, "in/*.csv")) == []


def test_a_missing_file_is_named(source):
    connector = source({}, "in/ventas.csv")
    assert names(connector) == ["ventas"]
    with pytest.raises(DataError, match=r"drops\.ventas: no such file in/ventas\.csv"):
        read_table(connector, "ventas")


def test_a_folder_and_a_dangling_link_are_named(source, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv is a folder"):
        read_table(source({}, "folder.csv"), "folder")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/gone.csv").symlink_to("nowhere")
    with pytest.raises(DataError, match=r"no such file in/gone\.csv \(a link to a file that is gone\)"):
        read_table(source({}, "in/*.csv"), "drops")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match=r"pipe\.csv is no regular file"):
        read_table(source({}, "pipe.csv"), "pipe")


def test_a_second_name_of_a_file_counts_once(source, tmp_path):
    connector = source({"in/a.csv": "a\n1\n"}, "in/*.csv")
    (tmp_path / "in/latest.csv").symlink_to("a.csv")
    os.link(tmp_path / "in/a.csv", tmp_path / "in/b.csv")
    assert read_table(connector, "drops")["a"].to_pylist() == [1]
    with connector.open([]) as session:
        notes = session.extract(ExtractRequest("drops")).notes
    assert notes == tuple(f"in/{name}.csv is a second name of a file that is read already: left out" for name in ("b", "latest"))


def test_columns_are_matched_by_name_and_missing_ones_are_null(source):
    connector = source({"in/1.csv": "id,n\n1,x\n", "in/2.csv": "N,extra,ID\ny,7,2\n", "in/3.csv": "id\n3\n"}, "in/*.csv")
    table = read_table(connector, "drops")
    assert sorted(map(str, table.to_pylist())) == sorted(
        map(str, [{"id": 1, "n": "x", "extra": None}, {"id": 2, "n": "y", "extra": 7}, {"id": 3, "n": None, "extra": None}])
    )
    with connector.open([]) as session:
        assert "in/1.csv lacks 'extra': NULL there" in session.extract(ExtractRequest("drops")).notes


def test_a_type_has_to_hold_in_every_file(source):
    connector = source({"in/1.csv": "id\n1\n", "in/2.csv": "id\n007\n"}, "in/*.csv")
    assert sorted(read_table(connector, "drops")["id"].to_pylist()) == ["007", "1"]


def test_files_without_header_need_the_same_columns(source):
    connector = source({"in/1.csv": "1,2\n", "in/2.csv": "3\n"}, "in/*.csv", format={"header": False})
    with pytest.raises(DataError, match=r"in/2\.csv has 1 columns, in/1\.csv has 2"):
        read_table(connector, "drops")


@pytest.mark.parametrize(
    "name",
    ["a'b", 'a"b', "a*b", "a[1]", "a?b", "a\\b", "a\nb", "a b", "year=2024", "ñ", "a{b,c}", "a%20b", "a#b", "-a", "a;b", "~a", "$HOME"],
)
def test_hostile_file_names(source, name):
    connector = source({f"in/{name}.csv": "a,b\n1,2\n"}, f"in/{name}.csv")
    assert names(connector) == [name]
    assert read_table(connector, name).to_pylist() == [{"a": 1, "b": 2}]


def test_a_file_name_that_is_no_text(source, tmp_path):
    (tmp_path / "in").mkdir()
    with open(os.fsencode(tmp_path) + b"/in/caf\xe9.csv", "w") as file:
        file.write("a\n1\n")
    connector = source({}, "in/*.csv", table="{stem}")
    assert names(connector) == ["caf\\xe9"]
    assert read_table(connector, "caf\\xe9").to_pylist() == [{"a": 1}]


def test_folders_that_look_like_partitions_add_no_column(source):
    assert read_table(source({"in/year=2024/a.csv": "v\n1\n"}, "in/*/*.csv"), "drops").schema.names == ["v"]


def test_a_file_that_changes_while_it_is_read_is_refused(source, tmp_path):
    connector = source({"a.csv": "v\n1\n"}, "a.csv")
    with connector.open([]) as session:
        extraction = session.extract(ExtractRequest("a"))
        extraction.verify()
        with (tmp_path / "a.csv").open("a") as file:
            file.write("2\n")
        with pytest.raises(DataError, match=r"drops\.a: a\.csv changed while it was read"):
            extraction.verify()


def test_schema_is_what_extraction_delivers(source):
    connector = source({"a.csv": "id,at,n\n1,2024-01-01,x\n"}, "a.csv")
    with connector.open([]) as session:
        assert session.get_schema("a") == read_table(connector, "a").schema
        with pytest.raises(DataError, match=r"drops\.b: no such table"):
            session.get_schema("b")


def test_copies_are_removed_when_the_session_closes(source, tmp_path):
    (tmp_path / "a.csv").write_bytes("v\nñ\n".encode("latin-1"))
    connector = source({}, "a.csv", format={"encoding": "latin-1"})
    with connector.open([]) as session:
        session.extract(ExtractRequest("a"))
        folder = session.temporary
        assert list(folder.iterdir())
    assert not folder.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "{stam}"}, "unknown placeholder"),
        ({"table": "{stem"}, "brace"),
        ({"format": {"types": {"a": "decimal"}}}, "needs its digits"),
        ({"format": {"types": {"a": "bigitn"}}}, "did you mean 'BIGINT'"),
        ({"format": {"types": {"a": "DECIMAL(40,2)"}}}, "1 to 38 digits"),
        ({"format": {"types": {"a": "INT); DROP TABLE x; --"}}}, "unknown type"),
        ({"format": {"types": {"a": "INT", "A": "DATE"}}}, "are one column"),
        ({"format": {"encoding": "utf-9"}}, "unknown encoding"),
        ({"format": {"encoding": "base64"}}, "unknown encoding"),
        ({"format": {"delimiter": "||"}}, "at most 1 character"),
        ({"format": {"delimiter": "\n"}}, "line break"),
        ({"format": {"delimiter": '"'}}, "must differ"),
        ({"format": {"names": ["a", "A"]}}, "stands there twice"),
        ({"format": {"nulls": ["a,b"]}}, "neither delimiter"),
        ({"format": {"headr": True}}, "Extra inputs"),
    ],
)
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(ValidationError, match=message):
        CsvOptions(path="a.csv", **options)
