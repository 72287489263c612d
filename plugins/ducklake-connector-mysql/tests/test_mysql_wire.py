"""The rows' way from the socket to Arrow, with a server that is made up: no database is needed."""

from __future__ import annotations

import decimal
import io
import random

import pyarrow as pa
import pytest

from ducklake.errors import DataError
from ducklake_connector_mysql import wire
from ducklake_connector_mysql.declared import DeclaredColumn, columns_of, list_tables
from ducklake_connector_mysql.decode import Decoder
from ducklake_connector_mysql.plans import plan_column, travelling

INT = DeclaredColumn("i", "int", "int(11)")
TEXT = DeclaredColumn("t", "varchar", "varchar(20)", octets=80, charset="utf8mb4")
BYTES = DeclaredColumn("b", "longblob", "longblob", octets=2**32 - 1)
EOF = b"\xfe\x00\x00\x22\x00"


class Connection:
    """What `wire` uses of a connection, over bytes that arrive in pieces of a given size."""

    def __init__(self, stream: bytes, piece: int = 2**20) -> None:
        self._rfile = self
        self._stream, self._piece = io.BytesIO(stream), piece

    def read1(self, size: int) -> bytes:
        return self._stream.read(min(size, self._piece))

    def read(self, size: int) -> bytes:
        return self._stream.read(size)


def length(size: int) -> bytes:
    if size < 251:
        return bytes([size])
    return b"\xfc" + size.to_bytes(2, "little") if size < 2**16 else b"\xfd" + size.to_bytes(3, "little")


def packets(*payloads: bytes, first: int = 3) -> bytes:
    return b"".join(len(payload).to_bytes(3, "little") + bytes([(first + at) % 256]) + payload for at, payload in enumerate(payloads))


def field(value: bytes | None) -> bytes:
    return b"\xfb" if value is None else length(len(value)) + value


def together(*values: bytes | None) -> bytes:
    """The text of a row, as the server puts it together."""
    return b"\xff" + b"\xff".join(b"\xfd" if value is None else value for value in values) + b"\xfe"


def read(stream: bytes, *columns: DeclaredColumn, piece: int = 2**20, size: int = 2**20) -> list[dict[str, object]]:
    decoder = Decoder("s.t", [plan_column(column) for column in columns])
    return [row for batch in decoder.batches(wire.texts(Connection(stream, piece), size), 1000) for row in batch.to_pylist()]


@pytest.mark.parametrize("seed", range(60))
def test_any_rows_come_through_in_any_pieces(seed):
    chance = random.Random(seed)
    letters = 'aé€😀\x00\x01\n\r\x1f#,"\\\ufeff'
    rows = [
        (
            chance.choice([None, 0, -(2**31), 2**31 - 1, chance.randrange(1000)]),
            chance.choice([None, "", "".join(chance.choices(letters, k=chance.choice([1, 3, 200, 260, 70_000 if seed == 1 else 9])))]),
        )
        for _ in range(chance.choice([0, 1, 2, 40]))
    ]
    piece, size, first = chance.randint(1, 700), chance.choice([1, 100, 2**20]), chance.randint(0, 255)
    payloads = [
        field(together(None if number is None else b"%d" % number, None if text is None else text.encode())) for number, text in rows
    ]
    got = read(packets(*payloads, EOF, first=first), INT, TEXT, piece=piece, size=size)
    assert [(row["i"], row["t"]) for row in got] == rows


@pytest.mark.parametrize("end", [b"", packets(EOF)[:6], packets(EOF)[:8]])
def test_a_stream_that_ends_before_its_end_is_an_error(end):
    row = packets(field(together(b"1", b"x")))
    with pytest.raises(wire.Interrupted, match="the connection was lost"):
        read(row + end, INT, TEXT)


def test_an_error_of_the_server_in_mid_stream_is_told():
    error = b"\xff" + (1317).to_bytes(2, "little") + b"#70100Query execution was interrupted"
    with pytest.raises(wire.Interrupted) as caught:
        read(packets(field(together(b"1", b"x")), error), INT, TEXT)
    assert caught.value.args == (1317, "Query execution was interrupted")


@pytest.mark.parametrize("value", [b"#", b"\x05\x00\x00\x07\xfe"[:4] + b"x", "Query #70100 ÿ".encode()])
def test_values_that_look_like_the_end_are_values(value):
    row = field(together(b"1", value))
    assert [got["t"] for got in read(packets(row, row, EOF), INT, TEXT, piece=len(packets(row)))] == [value.decode()] * 2


def test_a_row_that_the_server_could_not_put_together_is_an_error():
    with pytest.raises((DataError, wire.Interrupted)):
        read(packets(b"\xfb", EOF), INT)


@pytest.mark.parametrize("text", [b"%s", b"a%s", b"%sb", b"a%sb", b"%s\xff"])
@pytest.mark.parametrize("byte", [b"\xff", b"\xfe", b"\xf5", b"\xf6", b"\xf7", b"\xf8", b"\xfc", b"\xc0"])
def test_bytes_that_no_text_may_hold_never_become_another_value(byte, text):
    row = field(together(b"1", text % byte))
    with pytest.raises((DataError, wire.Interrupted)):
        read(packets(row, EOF), INT, TEXT)


def test_the_byte_of_null_is_one_only_by_itself():
    with pytest.raises(DataError, match="UTF-8 never does"):
        read(packets(field(together(b"1", b"a\xfdb")), EOF), INT, TEXT)


def test_a_value_that_its_type_cannot_hold_names_its_column():
    with pytest.raises(DataError, match=r"s\.t\.i: the value '2147483648' does not fit int32"):
        read(packets(field(together(b"2147483648", b"x")), EOF), INT, TEXT)


def test_a_text_that_is_no_unicode_names_its_column():
    with pytest.raises(DataError, match=r"s\.t\.t: a text of varchar\(20\)"):
        read(packets(field(together(b"1", b"\xed\xa0\x80")), EOF), INT, TEXT)


def test_fields_beside_the_row_travel_as_they_are():
    plans = [plan_column(column) for column in (BYTES, INT, TEXT)]
    rows = packets(field(together(b"1", b"x")) + field(b"\xff\xfe\n"), field(together(None, None)) + field(None), EOF)
    decoder = Decoder("s.t", plans)
    batches = list(decoder.batches_of_rows(wire.rows(Connection(rows), 2), 1, 2**20))
    assert [batch.to_pylist() for batch in batches] == [[{"b": b"\xff\xfe\n", "i": 1, "t": "x"}], [{"b": None, "i": None, "t": None}]]


def test_the_statement_asks_for_one_text_and_what_is_long_beside_it():
    plans = [plan_column(column) for column in (INT, BYTES)]
    begin, end, null = (f"CAST(x'{byte}' AS BINARY)" for byte in ("FF", "FE", "FD"))
    assert wire.fields(plans) == [f"CONCAT({begin},CONCAT_WS({begin},IFNULL(`i`,{null})),{end})", "`b`"]


def test_texts_travel_beside_the_row_where_it_would_not_fit_into_a_packet():
    wide = DeclaredColumn("w", "text", "text", octets=65535, charset="utf8mb4")
    plans = travelling("s.t", [plan_column(INT), plan_column(wide), plan_column(TEXT)], 4096)
    assert [plan.parsed is None for plan in plans] == [False, True, False]
    with pytest.raises(DataError, match="max_allowed_packet"):
        travelling("s.t", [plan_column(INT)] * 200, 4096)


def test_what_the_catalog_declares_is_what_lands():
    def query(statement, parameters):
        assert parameters[0] == "ventas"
        if "information_schema.TABLES" in statement:
            return [("clientes", "BASE TABLE", 1200), ("resumen", "VIEW", None)]
        return [
            ("id", "bigint", "bigint(20) unsigned", "NO", None, 20, 0, None, None),
            ("total", "decimal", "decimal(12,2)", "YES", None, 12, 2, None, None),
        ]

    found = [(table.name, table.kind, table.rows_estimate) for table in list_tables(query, "ventas").values()]
    assert found == [("clientes", "table", 1200), ("resumen", "view", None)]
    schema = Decoder("s.t", [plan_column(column) for column in columns_of(query, "ventas", "clientes")]).schema
    assert schema == pa.schema([("id", pa.uint64()), ("total", pa.decimal128(12, 2))])
    row = field(together(b"18446744073709551615", b"-0.10"))
    columns = columns_of(query, "ventas", "clientes")
    assert read(packets(row, EOF), *columns) == [{"id": 2**64 - 1, "total": decimal.Decimal("-0.10")}]


def test_a_column_that_is_declared_not_null_is_trusted_in_tables_only():
    column = DeclaredColumn("i", "int", "int", nullable=False)
    assert not plan_column(column).nulls
    assert plan_column(column, certain=False).nulls
