"""Sessions, channels and increments over a live ODBC driver: PostgreSQL's, with its words in place of Transact-SQL."""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest

from ducklake.api.extraction import ExtractRequest, Landed
from ducklake.errors import DataError, SourceError
from ducklake.testing import read_table
from ducklake.testing.memory import peak_growth
from ducklake.testing.project import environment
from ducklake.testing.proxy import cutting
from ducklake_connector_sqlserver.odbc import ArrowChannel, Interrupted, RowChannel, TooLong, Wire, diagnostic_of
from ducklake_connector_sqlserver.session import SqlServerSession

BIG = "CREATE TABLE big AS SELECT i AS id, repeat(md5(i::text), 20) AS t FROM generate_series(1, 40000) AS i"
CHANNELS = pytest.mark.parametrize("kind", [ArrowChannel, RowChannel])

D = decimal.Decimal
VALUES = [
    ("boolean", pa.bool_(), None, "true, false", [True, False]),
    ("smallint", pa.int16(), None, "-32768, 32767", [-32768, 32767]),
    ("smallint", pa.uint8(), None, "0, 255", [0, 255]),
    ("integer", pa.int32(), None, "-2147483648, 2147483647", [-(2**31), 2**31 - 1]),
    ("bigint", pa.int64(), None, "-9223372036854775808, 9223372036854775807", [-(2**63), 2**63 - 1]),
    ("numeric(38,0)", pa.decimal128(38, 0), None, f"-{'9' * 38}, 1", [D("-" + "9" * 38), D(1)]),
    ("numeric(38,37)", pa.decimal128(38, 37), None, f"-9.{'9' * 37}, -0.1", [D("-9." + "9" * 37), D("-0.1")]),
    ("numeric(19,4)", pa.decimal128(19, 4), None, "922337203685477.5807, -0.0001", [D("922337203685477.5807"), D("-0.0001")]),
    ("real", pa.float32(), None, "16777216, 3.4028235e38, 0.1", [16777216.0, 3.4028234663852886e38, 0.10000000149011612]),
    (
        "double precision",
        pa.float64(),
        None,
        "0.30000000000000004, -1.7976931348623157e308, 5e-324",
        [0.30000000000000004, -1.7976931348623157e308, 5e-324],
    ),
    ("date", pa.date32(), None, "'0001-01-01', '9999-12-31'", [dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    (
        "timestamp",
        pa.timestamp("us"),
        None,
        "'0001-01-01', '9999-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999'",
        [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), dt.datetime(1969, 12, 31, 23, 59, 59, 999999)],
    ),
    ("varchar(40)", pa.string(), 40, "'ñ😀\"\\,;|', '', 'ab  ', 'NULL', E'a\\tb\\nc'", ['ñ😀"\\,;|', "", "ab  ", "NULL", "a\tb\nc"]),
    ("char(5)", pa.string(), 5, "'ab', ''", ["ab   ", "     "]),
    ("varchar(4000)", pa.string(), 4000, "repeat('ñ', 4000), 'x'", ["ñ" * 4000, "x"]),
    ("text", pa.string(), 100_000, "repeat('😀', 50000), 'x'", ["😀" * 50_000, "x"]),
    (
        "bytea",
        pa.binary(),
        100_000,
        r"'\x00fffefd', '\x', decode(repeat('00ff', 50000), 'hex')",
        [b"\0\xff\xfe\xfd", b"", b"\0\xff" * 50_000],
    ),
]


@contextlib.contextmanager
def opened(database, kind, **changes):
    channel = database.channel(kind, **changes)
    try:
        yield channel
    finally:
        channel.close()


@CHANNELS
@pytest.mark.parametrize(("declared", "wire", "longest", "literals", "values"), VALUES, ids=[f"{value[0]}-{value[1]}" for value in VALUES])
def test_every_kind_of_value_comes_through_unchanged(database, kind, declared, wire, longest, literals, values):
    rows = literals.split(", ") if "(" not in literals else [part.replace("\x01", ", ") for part in _parts(literals)]
    database.execute(f"CREATE TABLE t (id serial, c {declared})", *(f"INSERT INTO t (c) VALUES ({row})" for row in (*rows, "NULL")))
    with opened(database, kind) as channel:
        batches = list(channel.batches("SELECT c FROM t ORDER BY id", [Wire(wire, longest)], 50_000, 2**25))
    table = pa.Table.from_batches(batches)
    assert table.schema.types == [wire]
    assert table["c0"].to_pylist() == [*values, None]


def _parts(literals):
    """Cut at commas that stand outside of parentheses."""
    depth, parts, part = 0, [], ""
    for character in literals:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append(part.strip())
            part = ""
        else:
            part += character
    return [*parts, part.strip()]


def test_a_value_that_is_longer_than_was_measured_is_an_error_and_never_cut(database):
    database.execute(
        "CREATE TABLE t AS SELECT i AS id, CASE WHEN i = 70000 THEN repeat('x', 11) ELSE 'y' END AS c FROM generate_series(1, 80000) AS i"
    )
    with opened(database, ArrowChannel) as channel, pytest.raises(TooLong):
        list(channel.batches("SELECT c FROM t ORDER BY id", [Wire(pa.string(), 10)], 50_000, 2**25))
    database.execute("CREATE TABLE b AS SELECT decode(repeat('ff', 11), 'hex') AS c")
    with opened(database, ArrowChannel) as channel, pytest.raises(TooLong):
        list(channel.batches("SELECT c FROM b", [Wire(pa.binary(), 10)], 50_000, 2**25))


@pytest.mark.parametrize("batch_size", [1, 7, 10_000, 100_000])
def test_all_rows_come_whatever_the_size_of_batches(database, batch_size):
    database.execute("CREATE TABLE t AS SELECT i AS id, repeat('x', i % 50) AS c FROM generate_series(1, 20011) AS i")
    rows = 2 * batch_size + 1 if batch_size < 10 else 20_011
    with opened(database, ArrowChannel) as channel:
        statement = f"SELECT id, c FROM t ORDER BY id LIMIT {rows}"
        batches = list(channel.batches(statement, [Wire(pa.int32()), Wire(pa.string(), 50)], batch_size, 2**25))
    assert max(batch.num_rows for batch in batches) <= batch_size
    assert pa.Table.from_batches(batches)["c0"].to_pylist() == list(range(1, rows + 1))


@CHANNELS
def test_a_statement_that_is_refused_is_told_by_the_driver(database, kind):
    with opened(database, kind) as channel, pytest.raises(Exception, match="no_such_table") as caught:
        channel.ask("SELECT 1 FROM no_such_table")
    assert diagnostic_of(caught.value).state == "42P01"


@CHANNELS
def test_who_waits_for_a_slow_statement_is_let_go_at_once(database, kind):
    with opened(database, kind) as channel:
        threading.Timer(0.2, channel.stop).start()
        with pytest.raises(Interrupted):
            channel.ask("SELECT 1 FROM pg_sleep(30)")
        with pytest.raises(Interrupted):
            channel.ask("SELECT 1")


@pytest.fixture
def session(connector):
    """Open a session, once there are tables."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(connector().open([]))


def test_cells_of_16_mb_come_whole_within_bounded_memory(database, session):
    """Where buffers for many rows have no room for them, rows are read one after the other."""
    database.execute("CREATE TABLE t (id int, c text, b bytea)")
    database.execute(
        *(f"INSERT INTO t SELECT {number}, repeat('0123456789abcde{number % 10}', 1048576), NULL" for number in range(24)),
        "INSERT INTO t SELECT 100, 'small', decode(repeat('00ff', 8388608), 'hex')",
    )
    with peak_growth() as growth:
        extraction = session().extract(ExtractRequest("t"))
        lengths = {}
        for batch in extraction.streams[0]:
            for row in batch.to_pylist():
                lengths[row["id"]] = (len(row["c"]), row["c"][-1], len(row["b"] or b""))
        extraction.prove(Landed(25, {}, lambda _: ()))
        assert growth() < 2**30
    assert lengths == {**{number: (2**24, str(number % 10), 0) for number in range(24)}, 100: (5, "l", 2**24)}


def test_columns_without_a_bound_that_hold_short_values_are_read_in_bulk(database, session, monkeypatch):
    """No Python object a value, although the declared type has no bound."""
    database.execute("CREATE TABLE t AS SELECT i AS id, repeat('x', i % 300) AS c FROM generate_series(1, 50000) AS i")
    monkeypatch.setattr(RowChannel, "_open", lambda *_: pytest.fail("rows are read one after the other"))
    extraction = session().extract(ExtractRequest("t"))
    table = pa.Table.from_batches(list(extraction.streams[0]))
    assert table.num_rows == 50_000
    assert max(len(text) for text in table["c"].to_pylist()) == 299


def test_what_could_be_a_key_is_told_of_each_table(database, session):
    from ducklake.errors import DataError

    database.execute(
        "CREATE DOMAIN rowversion AS bigint",
        "CREATE SCHEMA ventas",
        """CREATE TABLE ventas."o'dd [t]" (id bigint PRIMARY KEY, "vér ]sion" rowversion)""",
        "CREATE TABLE pairs (a int, b int, c text, PRIMARY KEY (a, b))",
        "CREATE INDEX ON pairs (c, a)",
        """CREATE VIEW v AS SELECT * FROM ventas."o'dd [t]" """,
    )
    opened = session()
    assert {table.name: opened.indexed_columns(table.name) for table in opened.tables()} == {
        "pairs": {"a": False, "c": False},
        "v": {},
        "ventas.o'dd [t]": {"id": True},
    }
    assert {table.name: opened.change_column(table.name) for table in opened.tables()} == {
        "pairs": None,
        "v": None,
        "ventas.o'dd [t]": "vér ]sion",
    }
    assert opened.get_schema("ventas.o'dd [t]").field("vér ]sion").type == pa.uint64()
    for ask in (opened.indexed_columns, opened.change_column):
        with pytest.raises(DataError, match=r"erp\.pears: no such table") as caught:
            ask("pears")
        assert "pairs" in caught.value.problem.hint


def test_tables_views_schemas_columns_conditions_and_queries(database, lake_of):
    database.execute(
        "CREATE SCHEMA ventas",
        "CREATE TABLE ventas.t (id int)",
        "INSERT INTO ventas.t VALUES (7)",
        "CREATE TABLE t (id int, estado varchar(10), secreto varchar(10))",
        "INSERT INTO t VALUES (1, 'activo', 'x'), (2, 'baja', 'x'), (3, 'activo', 'x')",
        "CREATE VIEW v AS SELECT 1 AS one",
    )
    lake = lake_of(
        [
            {"name": "t", "extract": {"exclude": ["secreto"], "where": "estado = 'activo' -- only these"}},
            "ventas.t",
            "v",
            {"name": "q", "query": "SELECT count(*) AS n, max(estado) AS e FROM t;"},
        ]
    )
    lake.ok("extract", "erp")
    assert rows(lake, "SELECT id, estado FROM raw.erp.t ORDER BY id") == [[1, "activo"], [3, "activo"]]
    assert rows(lake, 'SELECT id FROM raw.erp."ventas.t"') == [[7]]
    assert rows(lake, "SELECT one FROM raw.erp.v") == [[1]]
    assert rows(lake, "SELECT n, e FROM raw.erp.q") == [[3, "baja"]]


def rows(lake, sql):
    """The rows of a SELECT over the lake, in this process."""
    return [list(row) for row in lake.lake.query(sql).rows]


KEYS = [
    ("int", "1, 2", "2, 255"),
    ("bigint", "-9223372036854775808, NULL", "9223372036854775807, NULL"),
    ("numeric(30,2)", "1.5, NULL", "1.5, 1234567890123456789012345678.99"),
    ("date", "'2024-01-31', NULL", "'2024-01-31', '2024-02-01'"),
    ("timestamp", "'2024-01-31 10:00', '2999-01-01'", "'2024-01-31 10:00', '2024-01-31 09:46'"),
    ("varchar(10)", "'a', 'b'", "'b', 'ca'"),
]


def extract(lake):
    (result,) = lake.lake.extract("erp").results
    assert result.error is None, result.error
    return result


@pytest.mark.parametrize(("declared", "first", "more"), KEYS, ids=[key[0] for key in KEYS])
def test_increments_land_each_row_once(database, lake_of, declared, first, more):
    database.execute(f"CREATE TABLE t (id {declared}, v serial)")
    lake = lake_of(["t"], extract={"key_column": "id"})
    for values in (first, more):
        for value in values.split(", "):
            database.execute(f"INSERT INTO t (id) VALUES ({value})")
        assert extract(lake).rows == len(values.split(", "))
    assert extract(lake).status == "empty"
    assert sorted(rows(lake, "SELECT v FROM raw.erp.t")) == [list(row) for row in database.execute("SELECT v FROM t ORDER BY v")]


def test_a_transaction_that_commits_late_is_not_lost(database, lake_of):
    database.execute("CREATE TABLE t (id serial PRIMARY KEY, v text)", "INSERT INTO t (v) VALUES ('a')")
    lake = lake_of(["t"], extract={"key_column": "id"})
    assert extract(lake).rows == 1
    late = database.connect()
    late.execute("BEGIN")
    late.execute("INSERT INTO t (v) VALUES ('late')")
    database.execute("INSERT INTO t (v) VALUES ('soon')")
    assert extract(lake).rows == 1
    assert extract(lake).status == "empty"
    late.execute("COMMIT")
    late.close()
    assert extract(lake).rows == 1
    assert rows(lake, "SELECT v FROM raw.erp.t ORDER BY id") == [["a"], ["late"], ["soon"]]
    assert extract(lake).status == "empty"


def test_a_window_at_a_time_lands_the_first_load(database, lake_of):
    database.execute(
        "CREATE TABLE t AS SELECT i AS id, timestamp '2024-01-01' + i * interval '1 hour' AS t FROM generate_series(1, 2500) AS i"
    )
    lake = lake_of([{"name": "t", "extract": {"key_column": "t", "window": "1 month", "mode": "incremental"}}])
    lake.ok("extract", "erp")
    assert rows(lake, "SELECT count(*), count(DISTINCT id), count(DISTINCT _extraction_id) FROM raw.erp.t") == [[2500, 2500, 4]]


def test_what_was_written_is_counted_against_the_server(database, session):
    database.execute("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1), (2)")
    extraction = session().extract(ExtractRequest("t"))
    assert sum(batch.num_rows for batch in extraction.streams[0]) == 2
    with pytest.raises(DataError, match="the server counts 2 rows, 1 were written"):
        extraction.prove(Landed(1, {}, lambda _: ()))
    extraction.prove(Landed(2, {}, lambda _: ()))


def test_a_checksum_is_refused_before_anything_is_read(database, lake_of):
    database.execute("CREATE TABLE t (a int)")
    outcome = lake_of(["t"], extract={"verify": "full"}).fails(2, "extract", "erp")
    assert "verify: full is not known for sqlserver" in outcome.stderr
    assert "verify: count" in outcome.stderr


def test_rows_are_of_one_snapshot_and_so_is_their_count(database, session):
    database.execute("CREATE TABLE t AS SELECT i AS a FROM generate_series(1, 5000) AS i")
    extraction = session().extract(ExtractRequest("t", batch_size=100))
    stream = iter(extraction.streams[0])
    count = next(stream).num_rows
    database.execute("DELETE FROM t WHERE a > 10", "INSERT INTO t VALUES (-1)")
    count += sum(batch.num_rows for batch in stream)
    assert count == 5000
    extraction.prove(Landed(5000, {}, lambda _: ()))


def test_a_text_that_holds_the_replacement_character_itself_lands(database, connector):
    database.execute("CREATE TABLE t (c text)", "INSERT INTO t VALUES (U&'a\\FFFDb'), ('x'), (NULL)")
    assert read_table(connector(), "t")["c"].to_pylist() == ["a\ufffdb", "x", None]


def test_a_text_that_the_driver_has_mended_is_refused(database, connector, over, monkeypatch):
    """Half of a surrogate pair cannot stand in PostgreSQL: that the server has none of what the driver gave stands for it."""
    database.execute("CREATE TABLE t (c text)", "INSERT INTO t VALUES (U&'a\\FFFDb')")
    monkeypatch.setattr(over.PostgresqlDialect, "broken", lambda self, plan: "count(NULL)")
    with pytest.raises(DataError, match=r"erp\.t\.c: a text holds half of a surrogate pair"):
        read_table(connector(), "t")


def test_a_connection_that_is_ended_is_an_error_that_passes(database, session, monkeypatch, over):
    monkeypatch.setenv(over.WHOLE, "0")
    database.execute(BIG)
    stream = iter(session().extract(ExtractRequest("big", batch_size=1000)).streams[0])
    of_ours = "datname = current_database() AND application_name LIKE 'ducklake/%' AND state <> 'idle'"
    database.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {of_ours}")
    with pytest.raises(SourceError, match=r"erp\.big: ") as caught:
        list(stream)
    assert caught.value.retryable


def test_a_cut_connection_lands_nothing_and_is_begun_again(database, lake_of, over):
    whole = {over.WHOLE: "0"}
    database.execute(BIG)
    with cutting(database.fields["host"], database.fields["port"], cuts=1, after=5_000_000) as port:
        lake = lake_of(["big"], {"port": port}, extract={"retries": 0})
        outcome = lake.fails(4, "extract", "erp", env=whole)
        assert "erp.big: " in outcome.stderr
        assert lake.files() == []
    with cutting(database.fields["host"], database.fields["port"], cuts=2, after=5_000_000) as port:
        lake = lake_of(["big"], {"port": port}, "other")
        assert "trying again" in lake.ok("extract", "erp", env=whole).stderr
        assert rows(lake, "SELECT count(*), count(DISTINCT id), CAST(sum(length(t)) AS BIGINT) FROM raw.erp.big") == [
            [40_000, 40_000, 25_600_000]
        ]


def test_an_interrupt_ends_the_statement_at_the_server(database, lake_of):
    database.execute("CREATE VIEW slow AS SELECT 1 AS s FROM pg_sleep(600)")
    lake = lake_of(["slow"])
    command = [Path(sys.executable).with_name("ducklake"), "-C", str(lake.path), "extract", "erp"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def running() -> bool:
        return bool(database.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"))

    while not running():
        assert process.poll() is None, process.communicate()
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130, out + err
    while running():
        assert process.returncode == 130
    assert lake.files() == []


@pytest.mark.parametrize(("changes", "words"), [({"database": "no_such_database"}, "no_such_database"), ({"port": 1}, "erp: ")])
def test_a_server_that_refuses_is_one_line_and_no_password(database, lake_of, changes, words):
    lake = lake_of(connection={**changes, "password": "Wr0ng-hunter2"})
    outcome = lake.fails(4, "extract", "erp")
    assert words in outcome.stderr
    assert "hunter2" not in outcome.stdout + outcome.stderr
    assert all(b"hunter2" not in path.read_bytes() for path in lake.path.glob("data/**/*") if path.is_file())


def test_without_its_driver_the_source_says_how_to_install_it(connector_context, monkeypatch):
    from ducklake.errors import PluginError
    from ducklake_connector_sqlserver import drivers
    from ducklake_connector_sqlserver.connector import SqlServerConnector
    from ducklake_connector_sqlserver.options import SqlServerOptions

    monkeypatch.setattr(drivers, "installed", lambda: ["PostgreSQL Unicode"])
    connector = SqlServerConnector(SqlServerOptions(connection={"host": "h", "database": "d", "user": "u"}), connector_context("erp"))
    with pytest.raises(PluginError, match="erp: Microsoft's ODBC driver") as caught:
        connector.validate_connection()
    assert "msodbcsql18" in caught.value.problem.hint


def test_without_a_snapshot_the_rows_that_the_server_has_sent_are_counted(database, connector, over, monkeypatch):
    from ducklake_connector_sqlserver.isolation import Isolation

    database.execute("CREATE TABLE t AS SELECT i AS a FROM generate_series(1, 10) AS i")
    monkeypatch.setattr(over.PostgresqlDialect, "isolation", lambda self, ask: Isolation((), (), "no snapshot"))
    monkeypatch.setattr(over.PostgresqlDialect, "sent", "SELECT 11")
    with connector().open([]) as session:
        assert isinstance(session, SqlServerSession)
        extraction = session.extract(ExtractRequest("t"))
        assert "no snapshot" in extraction.notes
        assert sum(batch.num_rows for batch in extraction.streams[0]) == 10
        with pytest.raises(DataError, match="the server counts 11 rows, 10 were written"):
            extraction.prove(Landed(10, {}, lambda _: ()))
