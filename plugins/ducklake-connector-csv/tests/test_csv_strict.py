"""The quick reader gives the rows that the careful one gives, or none."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import random
from collections import Counter

import pyarrow as pa
import pytest

from ducklake.api.engine import EngineError
from ducklake.errors import DataError
from ducklake.testing import read_table
from ducklake.testing.landing import lake_of, land, landed
from ducklake_connector_csv import session, strict
from ducklake_connector_csv.connector import CsvConnector
from ducklake_connector_csv.options import CsvFormat, CsvOptions
from ducklake_connector_csv.prepare import prepare
from ducklake_connector_files import ledger

TYPES = {"a": "BIGINT", "b": "DECIMAL(9,2)", "c": "VARCHAR", "d": "DATE", "e": "UTINYINT"}
GOOD = {
    "a": ["1", "-5", "007", " 7", "9223372036854775807", "", '"3"'],
    "b": ["1", "1.5", "-0.25", ".5", "5.", "1.500", "1e2", "1234567.89", "", '"0.10"'],
    "c": ["x", "", '""', '"a,b"', '"a\nb"', '"a""b"', "NULL", '"NULL"', "é", " ", "0x1f", '"\n"', '""""', "'"],
    "d": ["2024-02-29", " 1999-12-31", "0001-01-01", "9999-12-31", "", '"2024-01-01"'],
    "e": ["0", "255", "07", ""],
}
BAD = ["1.239", "0x10", "0XfF", "1e-3", "12345678.9", "99999999", "256", "-1", '"a"b', 'a"b', '"a" ', ' "a"', '"', "2024-1-1", "1,2", "\r"]
BAD += [
    "a\rb",
    "\0",
    "\n",
    "NULL ",
    "é",
    "infinity",
    "epoch",
    "0000-01-01",
    "+1",
    "\uff11",
    "\ufeff",
    '""',
    "\t5",
    "2024-01-01 10:00",
    "x",
    '"1"2',
]


def hostile_file(chance: random.Random) -> bytes:
    """Lines that are mostly right, with a few oddities in every second file."""
    end = chance.choice(["\n", "\n", "\r\n"])
    odd = chance.choice([0, 0, 0.01, 0.1])
    lines = [",".join(TYPES)]
    for _ in range(chance.randrange(12)):
        line = [chance.choice(BAD if chance.random() < odd else values) for values in GOOD.values()]
        lines.append(",".join(line) + ("," if chance.random() < odd / 4 else ""))
        if chance.random() < 0.05:
            lines.append("")
    ends = [end if chance.random() > odd / 4 else chance.choice(["\n", "\r\n", "\r"]) for _ in lines]
    ends[-1] = chance.choice([end, end, "", end * 2])
    text = "".join(line + after for line, after in zip(lines, ends, strict=True))
    return (chance.choice(["", "", "\ufeff"]) + text).encode()


def rows(table: pa.Table) -> Counter:
    days = table.column_names.index("c3")
    table = table.set_column(days, "c3", table["c3"].cast(pa.int32()))  # Python has no year 0
    return Counter(tuple(row.values()) for row in table.to_pylist())


@pytest.mark.parametrize("seed", range(4))
def test_what_the_quick_reader_accepts_the_careful_one_reads_alike(tmp_path, connector_context, monkeypatch, seed):
    chance = random.Random(seed)
    monkeypatch.setattr(strict, "_PIECE", 40)
    path = tmp_path / "t.csv"
    layout = CsvFormat(types=TYPES, nulls=("", "NULL"))
    types = {at: kind for at, name in enumerate(TYPES) if (kind := strict.arrow_type(layout.types[name]))}
    accepted = 0
    for _ in range(150):
        path.write_bytes(hostile_file(chance))
        file = prepare("s.t", path, "t.csv", layout, lambda: tmp_path / "copy").file
        try:
            reader = strict.StrictReader([file], layout, list(TYPES), types)
            quick = pa.Table.from_batches(iter(reader), reader.schema).cast(reader.schema)
        except strict.Refused:
            continue
        accepted += 1
        connector = CsvConnector(CsvOptions(path="t.csv", format=layout), connector_context())
        careful = read_table(connector, "t", as_text=frozenset(["a"]))
        assert rows(quick) == rows(careful.rename_columns(quick.schema.names).cast(quick.schema)), path.read_bytes()
    assert accepted > 50


def test_files_of_several_pieces_and_columns_land_whole_by_the_quick_reader(tmp_path, connector_context, monkeypatch):
    used = []

    class Counted(strict.StrictReader):
        def __iter__(self):
            for batch in super().__iter__():
                used.append(batch.num_rows)
                yield batch

    monkeypatch.setattr(strict, "_PIECE", 1000)
    monkeypatch.setattr(session, "StrictReader", Counted)
    (tmp_path / "one.csv").write_text("ID,price,day,note\n" + "".join(f'{n},{n}.5,2024-01-02,"n,{n}\n"\n' for n in range(500)))
    (tmp_path / "two.csv").write_text("note,id,extra\r\n" + "".join(f"x,{n},{n}.25\r\n" for n in range(500, 900)))
    types = {"id": "INTEGER", "price": "DECIMAL(8,2)", "day": "DATE"}
    connector = CsvConnector(CsvOptions(path="*.csv", table="t", format={"types": types}), connector_context())
    table = read_table(connector, "t")
    assert sum(used) == 900 == table.num_rows
    assert len(used) > 10
    found = {row["ID"]: row for row in table.to_pylist()}
    first = {"ID": 7, "price": decimal.Decimal("7.50"), "day": dt.date(2024, 1, 2), "note": "n,7\n", "extra": None}
    assert found[7] == first
    assert found[600] == {"ID": 600, "price": None, "day": None, "note": "x", "extra": 600.25}
    assert len(found) == 900


def test_a_value_that_only_the_careful_reader_takes_far_behind_others_lands(tmp_path, connector_context):
    lines = [f"{number},2024-01-02" for number in range(200_000)]
    lines[190_000] = "190000.00,2024/1/2"
    (tmp_path / "t.csv").write_text("id,day\n" + "\n".join(lines) + "\n")
    layout = {"types": {"id": "BIGINT", "day": "DATE"}}
    table = read_table(CsvConnector(CsvOptions(path="t.csv", format=layout), connector_context()), "t")
    assert sorted(table["id"].to_pylist()) == list(range(200_000))
    assert set(table["day"].to_pylist()) == {dt.date(2024, 1, 2)}


def test_a_file_with_many_quotes_is_left_to_the_careful_reader(tmp_path, connector_context, monkeypatch):
    monkeypatch.setattr(session, "StrictReader", None)
    (tmp_path / "t.csv").write_text('"id","a"\n' + "".join(f'"{number}","x"\n' for number in range(100_000)))
    connector = CsvConnector(CsvOptions(path="t.csv", format={"types": {"id": "BIGINT"}}), connector_context())
    assert sorted(read_table(connector, "t")["id"].to_pylist()) == list(range(100_000))


def test_a_file_that_ends_in_half_a_line_end_is_left_to_the_careful_reader(tmp_path, connector_context):
    (tmp_path / "t.csv").write_bytes(b"id,a\n1,2\r")
    connector = CsvConnector(CsvOptions(path="t.csv", format={"types": {"id": "BIGINT"}}), connector_context())
    with pytest.raises(DataError):
        read_table(connector, "t")


def test_a_blank_as_quote_is_left_to_the_careful_reader(tmp_path, connector_context):
    (tmp_path / "t.csv").write_text("id,n\n1, x \n")
    connector = CsvConnector(CsvOptions(path="t.csv", format={"types": {"id": "BIGINT"}, "quote": " "}), connector_context())
    assert read_table(connector, "t").to_pylist() == [{"id": 1, "n": " x "}]


@pytest.mark.parametrize(("files", "columns"), [(200, 3), (3, 60)])
def test_what_is_read_ahead_is_bounded(tmp_path, monkeypatch, files, columns):
    """Of many small files and of files that lack columns just a few batches are held, each with one array for all that lacks."""
    monkeypatch.setattr(strict, "_PIECE", 1000)
    layout = CsvFormat(types={f"c{at}": "BIGINT" for at in range(columns)})
    made = []
    for number in range(files):
        path = tmp_path / f"{number}.csv"
        path.write_text("c0,c1\n" + "1,2\n" * 2000)
        made.append(prepare("s.t", path, path.name, layout, lambda: tmp_path / "copy").file)
    parsed = []

    class Counted(strict.StrictReader):
        def _parsed(self, *arguments):
            parsed.append(super()._parsed(*arguments))
            return parsed[-1]

    reader = iter(Counted(made, layout, list(layout.types), dict.fromkeys(range(columns), pa.int64())))
    first = next(reader)
    assert len(parsed) <= strict._PIECES + 5
    lacking = {column.buffers()[1].address for column in first.columns[2:]}
    assert len(lacking) == 1
    assert sum(batch.num_rows for batch in reader) + first.num_rows == 2000 * files


def test_types_that_nobody_declared_are_found_beside_declared_ones_whatever_ends_the_lines(tmp_path, connector_context):
    (tmp_path / "t.csv").write_bytes(b"id,n\r\n1,5\n2,6\r\n3,7\n")
    connector = CsvConnector(CsvOptions(path="t.csv", format={"types": {"id": "BIGINT"}}), connector_context())
    assert sorted(read_table(connector, "t").to_pylist(), key=str) == [{"id": 1, "n": 5}, {"id": 2, "n": 6}, {"id": 3, "n": 7}]


@pytest.mark.parametrize("types", [{}, {"id": "BIGINT"}])
def test_hashes_taken_beside_the_reading_are_those_of_the_files(tmp_path, monkeypatch, types):
    monkeypatch.setattr(ledger, "_LARGE", 0)
    file = tmp_path / "t.csv"
    file.write_text("id,a\n1,x\n2,y\n")
    lake = lake_of(CsvConnector, {"path": "t.csv", "format": {"types": types}}, tmp_path)
    assert land(lake)["t"].rows == 2
    os.utime(file, (1, 1))
    assert land(lake)["t"].status == "empty"  # another time, the same content
    with file.open("a") as more:
        more.write("3,z\n")
    assert land(lake)["t"].rows == 1
    assert sorted(landed(lake, "t")) == [[1, "x"], [2, "y"], [3, "z"]]


@pytest.mark.parametrize("unterminated", ['1,"x\n', '1,"x', '1,x\n2,"', '1,"a"b\n'])
def test_what_the_quick_reader_refuses_is_told_by_the_careful_one(tmp_path, connector_context, unterminated):
    (tmp_path / "t.csv").write_text("id,a\n" + unterminated)
    connector = CsvConnector(CsvOptions(path="t.csv", format={"types": {"id": "BIGINT"}}), connector_context())
    with pytest.raises((DataError, EngineError), match=r"t\.csv, line [23]: a quoted field is not closed"):
        read_table(connector, "t")
