"""What stands in a file is what lands, or a message names file, line and value."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import gzip
import io
import random

import duckdb
import pyarrow as pa
import pytest

from ducklake.errors import ConfigurationError, DataError
from ducklake.testing import read_table
from ducklake_connector_csv.connector import CsvConnector
from ducklake_connector_csv.options import CsvOptions


@pytest.fixture
def land(tmp_path, connector_context):
    """Write one file and read it as a table."""

    def read(content, name="t.csv", **layout) -> pa.Table:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(CsvConnector(CsvOptions(path=name, format=layout), connector_context()), "t")

    return read


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def rows(table: pa.Table) -> list[tuple]:
    return [tuple(row.values()) for row in table.to_pylist()]


def types(table: pa.Table) -> list[str]:
    return [str(field.type) for field in table.schema]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "9223372036854775807"], "int64"),
        (["0", "9223372036854775808"], "decimal128(38, 0)"),
        (["007", "1"], "string"),
        (["+1", "2"], "string"),
        (["-0", "2"], "string"),
        ([" 1", "2"], "string"),
        (["1", "1_000"], "string"),
        (["0x1F"], "string"),
        (["1", "9" * 39], "string"),
        (["1.50", "-2.25"], "decimal128(18, 2)"),
        (["1.50", "12345678901234567.25"], "decimal128(38, 2)"),
        (["1.50", "2.5"], "string"),
        (["1.25", "2.5"], "double"),
        (["1.25", "2.125", "1e+16"], "double"),
        (["0.1", "0.30000000000000004"], "double"),
        (["0.1", "0.3000000000000000444"], "string"),
        (["1.5", "1e400"], "string"),
        (["nan", "inf"], "string"),
        (["1,5", "2,5"], "string"),
        (["true", "false"], "bool"),
        (["t", "f"], "string"),
        (["True", "False"], "string"),
        (["yes", "no"], "string"),
        (["2024-02-29", "1999-12-31"], "date32[day]"),
        (["2024-02-30"], "string"),
        (["2024-2-3"], "string"),
        (["2024-01-01", "infinity"], "string"),
        (["2024-01-01", "epoch"], "string"),
        (["2024-01-01 10:00:00", "2024-01-01 10:00:00.5"], "timestamp[us]"),
        (["2024-01-01 10:00:00.50"], "string"),
        (["2024-01-01T10:00:00"], "string"),
        (["2024-01-01 10:00:00+02"], "string"),
        (["2024-01-01 24:00:00"], "string"),
        (["abc", "1"], "string"),
        (["NaN"], "string"),
    ],
)
def test_type_only_where_every_value_reads_back_as_the_same_text(land, values, kind):
    content = io.StringIO()
    csv.writer(content).writerows([["v", "w"], *([value, "x"] for value in values)])
    table = land(content.getvalue())
    assert types(table)[0] == kind
    if kind == "string":
        assert sorted(table["v"].to_pylist()) == sorted(values)


def test_one_bad_value_behind_the_sample_makes_the_column_text(land):
    table = land("id,n\n" + "".join(f"{i},{i}\n" for i in range(5000)) + "5000,n/a\n")
    assert types(table) == ["int64", "string"]
    assert "n/a" in table["n"].to_pylist()


def test_a_column_that_is_null_throughout_the_sample_still_gets_its_type(land):
    table = land("id,n,m\n" + "".join(f"{i},,\n" for i in range(5000)) + "5000,7,\n")
    assert types(table) == ["int64", "int64", "string"]
    assert table["m"].null_count == 5001


def test_an_empty_field_is_null_and_a_quoted_empty_field_is_not(land):
    assert sorted(rows(land('a,b\n,""\n"",x\n')), key=str) == [("", "x"), (None, "")]


@pytest.mark.xfail(duckdb.__version__ >= "2", reason="DuckDB 2.0 refuses an empty list of texts that mean NULL")
def test_nulls_are_unquoted_only_and_the_text_null_is_text(land):
    assert sorted(rows(land('a,b\nNA,"NA"\n,NULL\n', nulls=["NA"])), key=str) == [("", "NULL"), (None, "NA")]
    assert rows(land("a,b\n,NA\n", nulls=[])) == [("", "NA")]


def test_an_empty_text_in_a_column_of_numbers_makes_it_text(land):
    assert types(land('a,b\n1,2\n"",3\n')) == ["string", "int64"]


def test_header_only_is_a_table_without_rows_and_all_text(land):
    for content in ("a,b\n", "a,b", "a,b\r\n", "\ufeffa,b\n"):
        table = land(content)
        assert (table.num_rows, table.schema.names, types(table)) == (0, ["a", "b"], ["string", "string"])


@pytest.mark.parametrize("content", ["", "\n", "\r\n\r\n", "\ufeff"])
@pytest.mark.parametrize("header", [True, False])
def test_a_file_without_anything_is_an_error(land, content, header):
    with pytest.raises(DataError, match=r"s\.t: t\.csv (is empty \(0 bytes\)|holds nothing)"):
        land(content, header=header)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks(land, end, last, bom):
    content = bom + end.join(["a,b", "1,x", '2,"y\r\nz\nw\rv"']) + (end if last else "")
    assert sorted(rows(land(content))) == [(1, "x"), (2, "y\r\nz\nw\rv")]


def test_lines_that_end_in_different_ways(land):
    assert sorted(rows(land('a,b\r\n1,"x\r\ny"\n2,"z"\r\n3,w\n'))) == [(1, "x\r\ny"), (2, "z"), (3, "w")]


def test_blank_lines_before_the_header_do_not_make_it_data(land):
    assert rows(land("\n\na,b\n1,2\n")) == [(1, 2)]
    assert rows(land("\ufeff\r\na,b\r\n1,2\r\n")) == [(1, 2)]


def test_blank_lines_are_no_rows_but_null_where_there_is_one_column(land):
    assert rows(land("a,b\n\n1,2\n\n")) == [(1, 2)]
    assert sorted(land('a\n\n1\n""\n')["a"].to_pylist(), key=str) == ["", "1", None]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a,b\n1,2\n3\n4,5\n", 3, "too few fields: 1 instead of 2"),
        ("a,b\n1,2\n3,4,5\n", 3, "too many fields: 3 instead of 2"),
        ("a,b\n1,2\n3,4,\n", 3, "too many fields: 3 instead of 2"),
        ("a,b\r\n1,2\r\n3,4,\r\n", 3, "too many fields: 3 instead of 2"),
        ("a,b\n1,2\n3,4,", 3, "too many fields"),
        ("a,b\n1,2\n3,4,,\n5,6\n", 3, "too many fields: 4 instead of 2"),
        ('a,b\n1,2\n3,4,""\n5,6\n', 3, "too many fields: 3 instead of 2"),
        ('a,b\n1,"x\ny"\n3,4,\n', 4, "too many fields"),
        ('a,b\n1,"x\ny"\n3\n', 4, "too few fields"),
        ("a,b\n,\n,,\n", 3, "too many fields"),
        ("a\n1\n2,\n", 3, "too many fields"),
        ("a,b\n   \n1,2\n", 2, "too few fields"),
        ("a,b\r1,2\r3\r", 3, "too few fields"),
        ("a,b\n1,2\nx\ry,3\n", 3, "too few fields"),
        ("a,b\n1,2\n\x1a", 3, "too few fields"),
    ],
)
def test_too_few_or_too_many_fields_name_file_and_line(land, content, line, message):
    with pytest.raises(DataError, match=rf"s\.t: t\.csv, line {line}: {message}"):
        land(content)


def test_a_wrong_line_far_behind_the_sample_is_named(land):
    lines = [f'{number},"x\n{number}"' for number in range(100_000)]
    lines[90_000] = "7"
    with pytest.raises(DataError, match=r"t\.csv, line 180002: too few fields"):
        land("a,b\n" + "\n".join(lines) + "\n")


def test_empty_last_fields_are_no_fields_too_many(land):
    assert sorted(rows(land('a,b,c\n1,"x,",\n2,"y""",""\n3,"5"" z",\n')), key=str) == [(1, "x,", None), (2, 'y"', ""), (3, '5" z', None)]


def test_a_quote_within_an_unquoted_field_is_itself(land):
    assert sorted(rows(land('a,b\n5" pipe,\n6" pipe,x\n')), key=str) == [('5" pipe', None), ('6" pipe', "x")]


@pytest.mark.parametrize(("content", "line"), [('a,b\n"x,2\n3,4\n', 2), ('a,b\n1,2\n"x"y,2\n', 3)])
def test_quotes_that_do_not_close_name_the_line(land, content, line):
    with pytest.raises(DataError, match=rf"t\.csv, line {line}: a quoted field is not closed"):
        land(content)


@pytest.mark.parametrize("content", ['id,"a"b\n1,x\n2,"y"\n', 'id,"a\n1,x\n2,y\n', 'id,"a"b"', '"id"x,a\n1,2\n'])
@pytest.mark.parametrize("types", [{}, {"id": "BIGINT"}])
def test_quotes_that_do_not_close_in_the_header_are_an_error(land, content, types):
    with pytest.raises(DataError, match=r"t\.csv: in its first line a quoted field is not closed"):
        land(content, types=types)


def test_other_delimiters_and_quotes(land):
    assert rows(land("a;b\n'x;''y';1,5\n", delimiter=";", quote="'")) == [("x;'y", "1,5")]
    assert rows(land("a\tb\n1\t\n", delimiter="\\t")) == [(1, None)]
    assert rows(land('a,b\n"x,2"\n', quote="")) == [('"x', '2"')]
    assert rows(land("a¦b\n1¦2\n", delimiter="¦")) == [(1, 2)]


def test_without_header_columns_are_numbered_or_named(land):
    assert land("1,x\n2,y\n", header=False).schema.names == ["column1", "column2"]
    table = land("1,x\n2,y\n", header=False, names=["id", "n"])
    assert (table.schema.names, table.num_rows) == (["id", "n"], 2)


def test_names_replace_a_header_and_must_be_as_many(land):
    assert land("a,b\n1,x\n", names=["id", "n"]).to_pylist() == [{"id": 1, "n": "x"}]
    with pytest.raises(DataError, match=r"t\.csv has 2 columns, format\.names names 3"):
        land("a,b\n1,x\n", names=["id", "n", "m"])


def test_hostile_column_names_survive(land):
    names = ['a"b', "c'd", "select", "e,f", "g\nh", "ñandú", " i ", "_source_name", "j.k", "{l}", "?", "--", "year"]
    content = io.StringIO()
    csv.writer(content, lineterminator="\n").writerows([names, [str(at) for at in range(len(names))]])
    assert land(content.getvalue()).to_pylist() == [{name: at for at, name in enumerate(names)}]


def test_columns_without_a_name_of_their_own_get_one_and_a_note(tmp_path, connector_context):
    (tmp_path / "t.csv").write_text("a,A,,a_2,column3\n1,2,3,4,5\n")
    connector = CsvConnector(CsvOptions(path="t.csv"), connector_context())
    table = read_table(connector, "t")
    assert table.to_pylist() == [{"a": 1, "A_3": 2, "column3_2": 3, "a_2": 4, "column3": 5}]
    from ducklake.api.extraction import ExtractRequest

    with connector.open([]) as session:
        notes = session.extract(ExtractRequest("t")).notes
    assert notes == ("t.csv: column 2 is a second 'A': it lands as 'A_3'", "t.csv: column 3 has no name: it lands as 'column3_2'")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "cp850", "shift_jis", "utf-8-sig"])
def test_encodings(land, encoding):
    text = "a,b\nañ,1\n" if encoding != "shift_jis" else "a,b\nソ表,1\n"
    assert rows(land(text.encode(encoding), encoding=encoding)) == [(text.split("\n")[1].split(",")[0], 1)]


def test_bytes_that_are_not_in_the_encoding_name_the_line(land):
    with pytest.raises(DataError, match=r"t\.csv, line 3: byte 0xF1 is not utf-8") as caught:
        land("a,b\n1,x\n2,ñ\n".encode("latin-1"))
    assert "latin-1" in (caught.value.problem.hint or "")
    with pytest.raises(DataError, match=r"t\.csv, line 1: byte 0xF1 is not utf-8"):
        land("a,ñ\n1,x\n".encode("latin-1"))
    with pytest.raises(DataError, match="byte 0x81 is not cp1252"):
        land(b"a,b\n1,\x81\n", encoding="cp1252")
    with pytest.raises(DataError, match=r"is UTF-16"):
        land("a,b\n1,2\n".encode("utf-16"))


def test_zero_bytes_within_text_are_kept(land):
    assert rows(land("a,b\nx\0y,2\n")) == [("x\0y", 2)]


def test_long_lines_and_fields(land):
    long = "x" * 20_000_000
    assert [len(row[1]) for row in rows(land(f"a,b\n1,{long}\n2,y\n"))] in ([len(long), 1], [1, len(long)])


def test_gzip_and_a_torn_gzip(land):
    packed = gzip.compress(b"a,b\n1,2\n" * 1)
    assert rows(land(packed, name="t.csv.gz")) == [(1, 2)]
    with pytest.raises(DataError, match=r"t\.csv\.gz is no whole gzip file"):
        land(gzip.compress(random.Random(1).randbytes(5000).hex().encode())[:-200], name="t.csv.gz")


def test_declared_types_land_as_declared(land):
    table = land(
        "i,d,f,day,at,zone,yes,code\n7,1.5,0.1,2024-01-02,2024-01-02T03:04:05.678,2024-01-02 03:04:05+02:00,1,007\n,,,,,,,\n",
        types={
            "i": "int",
            "d": "numeric( 12 , 2 )",
            "f": "double",
            "day": "date",
            "AT": "datetime",
            "zone": "timestamp with time zone",
            "yes": "bool",
            "code": "string",
        },
    )
    assert types(table)[:3] == ["int32", "decimal128(12, 2)", "double"]
    first = next(row for row in rows(table) if row[0])
    assert first[1:5] == (decimal.Decimal("1.50"), 0.1, dt.date(2024, 1, 2), moment("2024-01-02T03:04:05.678"))
    assert first[5].timestamp() == dt.datetime(2024, 1, 2, 1, 4, 5, tzinfo=dt.UTC).timestamp()
    assert first[6:] == (True, "007")
    assert all(value is None for row in rows(table) if row[0] is None for value in row)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("BIGINT", "1.5"),
        ("BIGINT", "1e3"),
        ("BIGINT", "1_000"),
        ("BIGINT", "0x1F"),
        ("BIGINT", "9223372036854775808"),
        ("TINYINT", "128"),
        ("UBIGINT", "-1"),
        ("DECIMAL(12,2)", "1.239"),
        ("DECIMAL(12,2)", "1.234e0"),
        ("DECIMAL(12,2)", "1e-3"),
        ("DECIMAL(12,2)", "1e11"),
        ("DECIMAL(2,1)", "0.0000520e7"),
        ("DECIMAL(5,0)", ".5"),
        ("DECIMAL(15,2)", "99999999999999"),
        ("TINYINT", "0xFF"),
        ("BIGINT", " 0x10"),
        ("BIGINT", "0X1f"),
        ("DECIMAL(12,2)", "12345678901.00"),
        ("DECIMAL(12,2)", "1,50"),
        ("DECIMAL(5,0)", "1.5"),
        ("DECIMAL(12,2)", "nan"),
        ("DOUBLE", "1e400"),
        ("DOUBLE", "9007199254740993"),
        ("FLOAT", "16777217"),
        ("DATE", "2024-01-01 10:00:00"),
        ("DATE", "01/02/2024"),
        ("DATE", "24-01-02"),
        ("DATE", "2024-02-30"),
        ("DATE", "infinity"),
        ("TIMESTAMP", "2024-01-01 10:00:00+02"),
        ("TIMESTAMP", "2024-01-01T10:00:00Z"),
        ("TIMESTAMP", "2024-01-01 10:00:00.1234567"),
        ("TIMESTAMP", "2024-01-01 24:00:00"),
        ("TIMESTAMP", "infinity"),
        ("TIMESTAMPTZ", "2024-01-01 10:00:00"),
        ("TIME", "10:00:00+02"),
        ("TIME", "24:00:00"),
        ("BOOLEAN", "2"),
        ("UUID", "x"),
    ],
)
def test_a_value_that_a_declared_type_would_change_names_file_line_column_and_value(land, kind, value):
    content = io.StringIO()
    csv.writer(content).writerows([["id", "v"], ["1", ""], ["2", value]])
    with pytest.raises(DataError) as caught:
        land(content.getvalue(), types={"v": kind})
    assert str(caught.value).startswith(f"s.t.v: t.csv, line 3: {value!r} is no {kind}")


@pytest.mark.parametrize(
    ("kind", "value", "landed"),
    [
        ("BIGINT", " 007 ", 7),
        ("BIGINT", "7.00", 7),
        ("DECIMAL(12,2)", "1.2300", decimal.Decimal("1.23")),
        ("DECIMAL(12,2)", ".5", decimal.Decimal("0.50")),
        ("DECIMAL(5,0)", "5.0", decimal.Decimal(5)),
        ("DOUBLE", "1.7976931348623157E308", 1.7976931348623157e308),
        ("DOUBLE", "100", 100.0),
        ("DOUBLE", "-inf", float("-inf")),
        ("DATE", "2024-01-02 00:00:00", dt.date(2024, 1, 2)),
        ("DATE", "2024/1/2", dt.date(2024, 1, 2)),
        ("TIMESTAMP", "2024-01-02", moment("2024-01-02T00:00")),
        ("TIMESTAMP", "2024-01-02 03:04", moment("2024-01-02T03:04")),
        ("TIMESTAMP", "2024-01-02 03:04:05.1234560", moment("2024-01-02T03:04:05.123456")),
    ],
)
def test_a_value_that_says_the_same_in_other_words_fits(land, kind, value, landed):
    assert rows(land(f"id,v\n1,{value}\n", types={"v": kind})) == [(1, landed)]


def test_a_type_for_a_column_that_is_not_there_is_an_error_with_the_nearest(land):
    with pytest.raises(ConfigurationError, match=r"format\.types names 'importes', which is no column.*did you mean 'importe'"):
        land("id,importe\n1,2\n", types={"importes": "DOUBLE"})


def test_random_hostile_files_land_as_python_reads_them(land):
    chance = random.Random(7)
    bits = ["x", '"', "\n", "\r\n", "\r", ",", 'a"b', "", "é", "\n\n", '",\n"', "'", " ", "😀", ";", "\\", "#", "\t"]
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n", quoting=csv.QUOTE_ALL)
    expected = [(f"k{at}", *("".join(chance.choices(bits, k=chance.randrange(6))) for _ in range(3))) for at in range(20_000)]
    writer.writerows([("id", "a", "b", "c"), *expected])
    assert sorted(rows(land(content.getvalue()))) == sorted(expected)
