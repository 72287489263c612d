"""What is read, what is refused, and what happens when the server goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ducklake.errors import DataError, SourceError
from ducklake.testing import read_table
from ducklake.testing.project import environment
from ducklake.testing.proxy import cutting
from ducklake_connector_mysql.options import MySqlOptions

BIG = "CREATE VIEW big AS SELECT seq AS id, REPEAT(MD5(seq), 20) AS t FROM seq_1_to_40000"


def rows(lake, sql):
    """The rows of a SELECT over the lake, in this process."""
    return [list(row) for row in lake.lake.query(sql).rows]


@pytest.fixture
def lake_of(database, lake_project):
    def make(tables=("*",), connection=None, name="lake", **changes):
        source = database.source(tables=tables, **changes)
        return lake_project(
            {"config/sources.yaml": {"sources": [{**source, "connection": {**source["connection"], **(connection or {})}}]}}, name
        )

    return make


def test_tables_views_and_patterns(database, lake_of):
    database.execute(
        "CREATE TABLE ventas_a (a int)", "CREATE TABLE ventas_b (a int)", "CREATE TABLE otra (a int)", "CREATE VIEW v AS SELECT 1 AS one"
    )
    lake = lake_of(["ventas_*", "v"])
    assert {result["table"] for result in lake.ok("extract", "erp", "--json").results} == {"ventas_a", "ventas_b", "v"}
    assert rows(lake, "SELECT one FROM raw.erp.v") == [[1]]


def test_columns_conditions_and_queries_are_left_to_the_server(database, lake_of):
    database.execute(
        "CREATE TABLE t (id int, estado varchar(10), secreto varchar(10)) CHARACTER SET latin1",
        "INSERT INTO t VALUES (1, 'ACTIVO', 'x'), (2, 'activo', 'x'), (3, '100%', 'x')",
    )
    lake = lake_of(
        [
            {"name": "t", "extract": {"exclude": ["secreto"], "where": "estado = 'Activo' -- whatever its case"}},
            {
                "name": "q",
                "query": "SELECT MAX(id) AS top, COUNT(*) AS n, SUM(id) AS total, CONCAT(estado, 'ñ') AS e"
                " FROM t WHERE estado LIKE '%\\%' GROUP BY estado;",
            },
        ]
    )
    lake.ok("extract", "erp")
    assert rows(lake, "SELECT id, estado FROM raw.erp.t ORDER BY id") == [[1, "ACTIVO"], [2, "activo"]]
    assert rows(lake, "SELECT column_name FROM (DESCRIBE SELECT * FROM raw.erp.t)")[:2] == [["id"], ["estado"]]
    assert rows(lake, "SELECT top, n, total, e FROM raw.erp.q") == [[3, 1, 3, "100%ñ"]]


def test_a_query_has_the_types_of_its_result(database, connector):
    database.execute(
        "CREATE TABLE t (a tinyint unsigned, b bigint unsigned, c decimal(12,2), d date, e datetime(3), f timestamp(6) null,"
        " g time(2), h bit(9), i year, j enum('x'), k varchar(10) character set latin1, l longtext, m varbinary(4), n blob, o float)",
        "INSERT INTO t VALUES (255, 18446744073709551615, -1.10, '2024-02-29', '2024-01-01 00:00:00.001', NULL, '26:00:00',"
        " b'100000001', 2024, 'x', 'ñ', 'l', x'ff', x'00', 0.1)",
    )
    whole, query = read_table(connector(), "t"), read_table(connector(), "q", query="SELECT * FROM t")
    assert query.to_pylist() == whole.to_pylist()
    assert query.schema == whole.schema


def test_rows_longer_than_a_packet_of_the_protocol_and_empty_tables(database, connector):
    database.execute(
        "SET GLOBAL max_allowed_packet = 67108864",
        "CREATE TABLE t (id int, b longblob, t longtext, s varchar(10))",
        "CREATE TABLE empty (a int)",
        "CREATE TABLE bytes (b blob)",
        "INSERT INTO bytes VALUES (x'ff'), (NULL)",
    )
    database.execute(
        "INSERT INTO t VALUES (1, REPEAT(x'00', 16777215), 'x', 'y'), (2, REPEAT(x'ff', 20000000), REPEAT('ñ', 1000000), NULL),"
        " (3, NULL, NULL, '')"
    )
    rows = {row["id"]: row for row in read_table(connector(), "t").to_pylist()}
    assert rows[1]["b"] == bytes(16777215)
    assert rows[2]["b"] == b"\xff" * 20_000_000
    assert rows[2]["t"] == "ñ" * 1_000_000
    assert [rows[number]["s"] for number in (1, 2, 3)] == ["y", None, ""]
    assert rows[3]["b"] is None
    assert read_table(connector(), "empty").num_rows == 0
    assert read_table(connector(), "bytes").to_pylist() == [{"b": b"\xff"}, {"b": None}]


def test_many_rows_of_every_length_come_through(database, connector):
    """Packets whose headers hold the bytes that part rows and values."""
    database.execute("CREATE VIEW v AS SELECT seq AS id, REPEAT('x', seq % 700) AS t, NULLIF(seq % 3, 0) AS n FROM seq_0_to_60000")
    table = read_table(connector(), "v", batch_size=10_000).sort_by("id")
    assert table["id"].to_pylist() == list(range(60_001))
    assert [len(text) for text in table["t"].to_pylist()] == [number % 700 for number in range(60_001)]
    assert table["n"].null_count == 20_001
    single = read_table(connector(), "one", query="SELECT seq % 10 AS d FROM seq_1_to_100000")
    assert single.num_rows == 100_000


@pytest.mark.parametrize(
    ("changes", "exit_code", "words"),
    [
        ({"password": "Wr0ng-hunter2"}, 4, "Access denied"),
        ({"user": "nobody_here", "password": "Wr0ng-hunter2"}, 4, "Access denied"),
        ({"database": "no_such_database"}, 4, "Unknown database"),
        ({"host": "no-such-host.invalid", "tls": "disable", "password": "Wr0ng-hunter2"}, 4, "no-such-host.invalid"),
    ],
)
def test_a_server_that_refuses_is_one_line_and_no_password(database, lake_of, changes, exit_code, words):
    lake = lake_of(connection=changes)
    outcome = lake.fails(exit_code, "extract", "erp")
    assert words in outcome.stderr
    assert "erp: " in outcome.stderr
    assert "hunter2" not in outcome.stdout + outcome.stderr
    assert all(b"hunter2" not in path.read_bytes() for path in lake.path.glob("data/**/*") if path.is_file())


def test_a_missing_table_and_a_missing_right_are_named(database, lake_of):
    user = f"u{database.name[-12:]}"
    database.execute("CREATE TABLE mine (a int)", "CREATE TABLE yours (a int, b int)", "INSERT INTO mine VALUES (1)")
    database.execute(
        f"CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 'pw-Ñ-secret'", f"GRANT SELECT ON {database.name}.mine TO {user}@'127.0.0.1'"
    )
    try:
        database.execute(f"GRANT SELECT (a) ON {database.name}.yours TO {user}@'127.0.0.1'")
        lake = lake_of(["mine", "nothing"], {"user": user, "password": "pw-Ñ-secret"})
        outcome = lake.run("extract", "erp", "--json")
        assert outcome.exit_code == 1
        assert {result["table"]: result["status"] for result in outcome.results} == {"mine": "success", "nothing": "error"}
        assert "no such table" in outcome.stdout

        # Without the right to see open transactions, increments say which one helps, once.
        database.execute("ALTER TABLE mine ADD COLUMN updated_at timestamp NOT NULL DEFAULT NOW()")
        lake = lake_of(["mine"], {"user": user, "password": "pw-Ñ-secret"}, name="other", extract={"key_column": "updated_at"})
        assert "GRANT PROCESS" in lake.ok("extract", "erp").stderr
        assert "GRANT PROCESS" not in lake.ok("extract", "erp").stderr
    finally:
        database.execute(f"DROP USER {user}@'127.0.0.1'")


def test_a_right_that_is_taken_away_fails_that_table_alone(database, lake_of):
    database.execute("CREATE TABLE good (a int)", "CREATE TABLE u (a int)", "CREATE VIEW bad AS SELECT a FROM u", "DROP TABLE u")
    outcome = lake_of().run("extract", "erp", "--json")
    assert outcome.exit_code == 1
    assert {result["table"]: result["status"] for result in outcome.results} == {"good": "success", "bad": "error"}
    assert "erp.bad" in next(result["error"]["message"] for result in outcome.results if result["table"] == "bad")


def test_a_connection_that_is_killed_in_mid_stream_is_an_error_that_passes(database, connector):
    database.execute(BIG)
    with connector().open([]) as session:
        from ducklake.api.extraction import ExtractRequest

        stream = iter(session.extract(ExtractRequest("big")).streams[0])
        next(stream)
        (number,) = (row[0] for row in database.execute("SHOW PROCESSLIST") if row[7] and "/* ducklake" in row[7])
        database.execute(f"KILL {number}")
        with pytest.raises(SourceError, match=r"erp\.big: ") as caught:
            list(stream)
    assert caught.value.retryable


def test_a_statement_that_is_killed_in_mid_stream_is_an_error_that_passes(database, connector):
    database.execute(BIG)
    with connector().open([]) as session:
        from ducklake.api.extraction import ExtractRequest

        stream = iter(session.extract(ExtractRequest("big")).streams[0])
        next(stream)
        (number,) = (row[0] for row in database.execute("SHOW PROCESSLIST") if row[7] and "/* ducklake" in row[7])
        database.execute(f"KILL QUERY {number}")
        with pytest.raises(SourceError, match="interrupted") as caught:
            list(stream)
    assert caught.value.retryable


def test_a_cut_connection_lands_nothing_and_is_begun_again(database, lake_of):
    database.execute(BIG)
    with cutting(database.options["host"], database.options["port"], cuts=1, after=5_000_000) as port:
        lake = lake_of(["big"], {"port": port}, extract={"retries": 0})
        outcome = lake.fails(4, "extract", "erp")
        assert "erp.big: " in outcome.stderr
        assert lake.files() == []
    with cutting(database.options["host"], database.options["port"], cuts=2, after=5_000_000) as port:
        lake = lake_of(["big"], {"port": port})
        assert "trying again" in lake.ok("extract", "erp").stderr
        assert rows(lake, "SELECT count(*), count(DISTINCT id), CAST(sum(length(t)) AS BIGINT) FROM raw.erp.big") == [
            [40_000, 40_000, 25_600_000]
        ]


def test_an_interrupt_ends_the_statement_at_the_server(database, lake_of):
    database.execute("CREATE VIEW slow AS SELECT SLEEP(600) AS s")
    lake = lake_of(["slow"])
    command = [Path(sys.executable).with_name("ducklake"), "-C", str(lake.path), "extract", "erp"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def running() -> bool:
        return any(row[7] and "/* ducklake" in row[7] for row in database.execute("SHOW PROCESSLIST"))

    while not running():
        assert process.poll() is None, process.communicate()
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130, out + err
    while running():
        assert process.returncode == 130
    assert lake.files() == []


def test_a_table_without_transactions_is_read_and_said(database, lake_of):
    database.execute(
        "CREATE TABLE t (id int, updated_at datetime(6) NULL, KEY (updated_at)) ENGINE=MyISAM",
        "INSERT INTO t VALUES (1, NOW(6) - INTERVAL 1 HOUR), (2, NULL)",
    )
    lake = lake_of(["t"], extract={"key_column": "updated_at", "verify": "full"})
    outcome = lake.ok("extract", "erp")
    assert "verify: full compares only the count" in outcome.stderr
    assert "MyISAM is not InnoDB" in outcome.stderr
    assert "MyISAM knows no snapshots" in outcome.stderr
    database.execute("INSERT INTO t VALUES (3, UTC_TIMESTAMP(6))")
    lake.ok("extract", "erp")
    assert rows(lake, "SELECT id FROM raw.erp.t ORDER BY id") == [[1], [2], [3]]


def test_a_table_altered_while_it_is_read_is_refused(database, connector):
    """A MyISAM table and one of InnoDB are both locked against it while rows flow; the look at the columns comes before."""
    database.execute("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    from ducklake.api.extraction import ExtractRequest

    with connector().open([]) as session:
        extraction = session.extract(ExtractRequest("t"))
        assert [batch.to_pylist() for batch in extraction.streams[0]] == [[{"a": 1}]]
    with connector().open([]) as session:
        database.execute("DROP TABLE t")
        with pytest.raises(DataError, match=r"erp\.t: "):
            session.extract(ExtractRequest("t"))


def test_a_window_at_a_time_lands_the_first_load(database, lake_of):
    database.execute(
        "CREATE TABLE t (id bigint unsigned PRIMARY KEY, t datetime)",
        "INSERT INTO t SELECT seq, '2024-01-01' + INTERVAL seq HOUR FROM seq_1_to_2500",
        "INSERT INTO t VALUES (18446744073709551615, NULL)",
    )
    lake = lake_of([{"name": "t", "extract": {"key_column": "t", "window": "1 month", "mode": "incremental"}}])
    lake.ok("extract", "erp")
    assert rows(lake, "SELECT count(*), count(DISTINCT id), count(DISTINCT _extraction_id) FROM raw.erp.t") == [[2501, 2501, 4]]


def test_what_was_written_is_compared_with_the_server(database, connector):
    from ducklake.api.extraction import ExtractRequest, Landed

    database.execute("CREATE TABLE t (a int, f float)", "INSERT INTO t VALUES (1, 0.5), (2, NULL)")
    with connector().open([]) as session:
        extraction = session.extract(ExtractRequest("t", verify="full"))
        assert sum(batch.num_rows for batch in extraction.streams[0]) == 2
    with pytest.raises(DataError, match="the server counts 2 rows, 1 were written"):
        extraction.prove(Landed(1, {}, lambda expressions: ("",) * len(expressions)))
    with pytest.raises(DataError, match=r"erp\.t\.a: .*checksum"):
        extraction.prove(Landed(2, {}, lambda expressions: ("2:0", 1, 0.5, 0.5)))


@pytest.mark.parametrize(("host", "mode"), [("127.0.0.1", "disable"), ("::1", "disable"), ("db.example.com", "verify-full")])
def test_encryption_is_on_beyond_this_machine(host, mode):
    assert MySqlOptions(connection={"host": host, "database": "d"}).connection.mode == mode


def test_a_server_without_encryption_is_refused_where_it_is_asked_for(database, lake_of):
    outcome = lake_of(connection={"tls": "verify-full"}).fails(4, "extract", "erp")
    assert "SSL" in outcome.stderr
    assert "tls: disable" in outcome.stderr
