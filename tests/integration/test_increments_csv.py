"""Increments of CSV files: a ledger of content, so that only new and changed content lands."""

from __future__ import annotations

import gzip
import os
import shutil
from typing import Any

import pytest

from ducklake.testing.project import LakeProject

SOURCE = 'sources:\n  - {name: drops, type: csv, path: "drops/*", %s}\n'


@pytest.fixture
def drops(lake_project):
    def made(files: dict[str, str | bytes], options: str = "description: d") -> LakeProject:
        return add(lake_project({"config/sources.yaml": SOURCE % options}), files)

    return made


def add(lake: LakeProject, files: dict[str, str | bytes]) -> LakeProject:
    """Files as if they had been there for a while, so that their times can be trusted."""
    lake.write({f"drops/{name}": content for name, content in files.items()})
    return lake


def old(lake: LakeProject) -> None:
    for file in (lake.path / "drops").iterdir():
        os.utime(file, (1_700_000_000, 1_700_000_000))


def extract(lake: LakeProject, *options: str) -> dict[str, Any]:
    (result,) = lake.extract("drops", full="--full" in options)
    return result


def raw(lake: LakeProject, columns: str = "* EXCLUDE (_ingestion_timestamp, _source_name, _extraction_id)") -> list[list[Any]]:
    return sorted(lake.query(f"SELECT {columns} FROM raw.drops.drops"), key=repr)


def test_only_new_files_land(drops):
    lake = drops({"a.csv": "id,v\n1,x\n"})
    assert extract(lake)["rows"] == 1
    add(lake, {"b.csv": "v,id\ny,2\n"})
    second = extract(lake)
    assert (second["status"], second["rows"]) == ("success", 1)
    third = extract(lake)
    assert (third["status"], third["rows"], third["notes"]) == ("empty", 0, [])
    assert len(lake.files("data/raw/**/*.parquet")) == 2
    assert raw(lake) == [[1, "x"], [2, "y"]]
    assert lake.ok("catalog", "show", "raw.drops.drops", "--json").results[0]["schema_history"][-1]["schema_version"] == 1


def test_a_file_that_was_only_touched_is_skipped(drops):
    lake = drops({"a.csv": "id\n1\n"})
    old(lake)
    extract(lake)
    os.utime(lake.path / "drops/a.csv", (1_700_000_100, 1_700_000_100))
    assert extract(lake)["status"] == "empty"
    (lake.path / "drops/a.csv").write_text("id\n1\n")
    assert extract(lake)["status"] == "empty"


def test_a_file_changed_within_the_tick_of_a_clock_is_noticed(drops):
    lake = drops({"a.csv": "id\n1\n"})
    status = (lake.path / "drops/a.csv").stat()
    extract(lake)
    (lake.path / "drops/a.csv").write_text("id\n2\n")
    os.utime(lake.path / "drops/a.csv", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert extract(lake)["rows"] == 1
    assert raw(lake) == [[1], [2]]


def test_a_changed_file_lands_again_with_a_note(drops):
    lake = drops({"a.csv": "id\n1\n2\n"})
    extract(lake)
    add(lake, {"a.csv": "id\n1\n3\n4\n"})
    result = extract(lake)
    assert result["rows"] == 3
    assert result["notes"] == ["drops/a.csv has changed: all of it lands again"]


@pytest.mark.parametrize(
    ("before", "after", "options", "rows"),
    [
        (b"id,v\n1,x\n", b"2,y\n3,z", "", [[2, "y"], [3, "z"]]),
        (b"id,v\r\n1,x\r\n", b"2,y\r\n", "", [[2, "y"]]),
        (b'id,v\n1,"a\nb"\n', b'2,"c\nd"\n', "", [[2, "c\nd"]]),
        (b"\xef\xbb\xbfid,v\n1,x\n", b"2,y\n", "", [[2, "y"]]),
        ("id;v\n1;ñ\n".encode("latin-1"), "2;é\n".encode("latin-1"), 'format: {encoding: latin-1, delimiter: ";"}', [[2, "é"]]),
        (b"1,x\n", b"2,y\n", "format: {header: false}", [[2, "y"]]),
        (b"1,x\n", b"2,y\n", "format: {header: false, names: [id, v]}", [[2, "y"]]),
    ],
)
def test_of_a_file_that_has_grown_only_the_appended_records_land(drops, before, after, options, rows):
    lake = drops({"a.csv": before}, options or "description: d")
    extract(lake)
    first = raw(lake)
    add(lake, {"a.csv": before + after})
    result = extract(lake)
    assert result["rows"] == len(rows)
    assert result["notes"] == ["drops/a.csv has grown: the appended records land"]
    assert raw(lake) == sorted(first + rows, key=repr)
    assert extract(lake)["status"] == "empty"


@pytest.mark.parametrize(
    ("name", "before", "after", "options"),
    [
        ("a.csv", b"id,v\n1,x", b"\n2,y\n", "description: d"),
        ("a.csv", b"id,v\n1,x", b"yz\n", "description: d"),
        ("a.csv", "id,v\n1,x\n".encode("utf-16"), "2,y\n".encode("utf-16-le"), "format: {encoding: utf-16}"),
        ("a.csv.gz", gzip.compress(b"id,v\n1,x\n", mtime=0), gzip.compress(b"2,y\n", mtime=0), "description: d"),
    ],
)
def test_where_that_is_not_sure_the_whole_file_lands(drops, name, before, after, options):
    lake = drops({name: before}, options)
    extract(lake)
    add(lake, {name: before + after})
    result = extract(lake)
    assert result["notes"] == [f"drops/{name} has changed: all of it lands again"]
    assert result["rows"] in (1, 2)


def test_appended_blank_lines_are_nothing_new(drops):
    lake = drops({"a.csv": "id,v\n1,x\n"})
    extract(lake)
    add(lake, {"a.csv": "id,v\n1,x\n\n\n"})
    assert extract(lake)["status"] == "empty"
    add(lake, {"a.csv": "id,v\n1,x\n\n\n2,y\n"})
    assert extract(lake)["rows"] == 1


def test_an_error_in_appended_lines_names_the_files_own_line(drops):
    lake = drops({"a.csv": "id,v\n1,x\n2,y\n"})
    extract(lake)
    add(lake, {"a.csv": "id,v\n1,x\n2,y\n3,z\n4\n"})
    (error,) = lake.fails(1, "extract", "drops", "--json").errors
    assert "drops/a.csv, line 5: too few fields" in error["message"]
    add(lake, {"a.csv": 'id,v\n1,x\n2,y\n3,z\n4,"w\n'})
    (error,) = lake.fails(1, "extract", "drops", "--json").errors
    assert "drops/a.csv, line 5" in error["message"]
    add(lake, {"a.csv": "id,v\n1,x\n2,y\n3,z\n4,w\n"})
    assert extract(lake)["rows"] == 2


def test_a_renamed_file_has_landed_already_an_equal_new_one_has_not(drops):
    lake = drops({"a.csv": "id\n1\n"})
    old(lake)
    extract(lake)
    shutil.move(lake.path / "drops/a.csv", lake.path / "drops/b.csv")
    result = extract(lake)
    assert (result["status"], result["notes"]) == ("empty", ["drops/b.csv was drops/a.csv: it has landed under that name"])
    (lake.path / "drops/b.csv").unlink()
    add(lake, {"c.csv": "id\n1\n"})
    assert extract(lake)["rows"] == 1


def test_types_are_kept_and_what_does_not_fit_makes_the_column_text(drops):
    lake = drops({"a.csv": "id,importe\n1,1.50\n"})
    extract(lake)
    add(lake, {"b.csv": "id,importe\n2,2.25\n"})
    assert extract(lake)["notes"] == []
    assert raw(lake) == [[1, "1.50"], [2, "2.25"]]
    add(lake, {"c.csv": "id,importe\n3,2.5\n"})
    assert "column 'importe' lands as text from now on" in extract(lake)["notes"][0]
    add(lake, {"d.csv": "id,importe\n4,7.00\n"})
    assert extract(lake)["notes"] == []
    assert lake.query("SELECT typeof(importe), list(importe ORDER BY id), sum(id) FROM raw.drops.drops GROUP BY 1") == [
        ["VARCHAR", ["1.50", "2.25", "2.5", "7.00"], 10]
    ]
    versions = lake.ok("catalog", "show", "raw.drops.drops", "--json").results[0]["schema_history"]
    assert [[column["type"] for column in version["columns"]][:2] for version in versions] == [
        ["BIGINT", "DECIMAL(18,2)"],
        ["BIGINT", "VARCHAR"],
    ]


def test_columns_come_and_go(drops):
    lake = drops({"a.csv": "id,v\n1,x\n"})
    extract(lake)
    add(lake, {"b.csv": "neu,id\n2024-01-31,2\n"})
    extract(lake)
    add(lake, {"c.csv": "id,v,neu\n3,z,2024-02-01\n"})
    extract(lake)
    assert lake.query("SELECT id, v, neu FROM raw.drops.drops ORDER BY id") == [
        [1, "x", None],
        [2, None, "2024-01-31"],
        [3, "z", "2024-02-01"],
    ]
    assert lake.query("SELECT DISTINCT typeof(neu) FROM raw.drops.drops") == [["DATE"]]


def test_a_first_file_without_rows_decides_no_types(drops):
    lake = drops({"a.csv": "id,dia\n"})
    assert extract(lake)["rows"] == 0
    add(lake, {"b.csv": "id,dia\n1,2024-01-01\n"})
    extract(lake)
    assert lake.query("SELECT typeof(id), typeof(dia) FROM raw.drops.drops") == [["BIGINT", "DATE"]]


def test_full_lands_all_files_again_as_a_new_state(drops):
    lake = drops({"a.csv": "id\n1\n", "b.csv": "id\nx\n"})
    extract(lake)
    (lake.path / "drops/b.csv").unlink()
    assert extract(lake, "--full")["rows"] == 1
    assert lake.query("SELECT id, typeof(id) FROM raw.drops.drops") == [[1, "BIGINT"]]
    assert extract(lake)["status"] == "empty"


def test_mode_full_lands_everything_each_time(drops):
    lake = drops({"a.csv": "id\n1\n"}, "extract: {mode: full}")
    assert [extract(lake)["rows"], extract(lake)["rows"]] == [1, 1]
    assert raw(lake) == [[1]]


def test_a_value_that_does_not_fit_a_declared_type_lands_nothing_and_is_read_again(drops):
    lake = drops({"a.csv": "id\n1\n"}, "format: {types: {id: INTEGER}}")
    extract(lake)
    add(lake, {"b.csv": "id\n2\n", "c.csv": "id\nx\n"})
    lake.fails(1, "extract", "drops", "--json")
    add(lake, {"c.csv": "id\n3\n"})
    assert extract(lake)["rows"] == 2
    assert raw(lake) == [[1], [2], [3]]
