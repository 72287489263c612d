"""What goes wrong, says so in one line with its place, lands nothing, and is tried again where that helps."""

from __future__ import annotations

import socket
import threading

import pytest

from ducklake.api import ExtractRequest
from ducklake.errors import DataError, SourceError
from ducklake.testing.proxy import cutting

SECRET = "geheim-4711"


def refused(server, **changes):
    """The message of a connection that is not to be had."""
    with pytest.raises(SourceError) as caught:
        server.connector(**changes).validate_connection()
    return caught.value


@pytest.fixture
def reader(database):
    """A role that may log in with a password and nothing else."""
    name = database.fields["database"].replace("test", "role")
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'")
    yield name
    database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_host_database_and_user_that_are_not_there(database):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        error = refused(database, host="127.0.0.1", port=unused.getsockname()[1], password=SECRET)
    assert error.retryable
    error = refused(database, database="no_such_database", password=SECRET)
    assert not error.retryable
    assert "erp: " in str(error)
    assert '"no_such_database" does not exist' in str(error)
    assert SECRET not in str(error)
    assert "does not exist" in str(refused(database, user="nobody_at_all"))


def test_the_command_leaves_with_4_and_never_shows_the_password(database):
    lake = database.lake(database="no_such_database", password=SECRET)
    outcome = lake.fails(4, "extract", "erp", "--json")
    assert "no_such_database" in outcome.errors[0]["message"]
    assert SECRET not in str(outcome)


def test_a_server_that_is_not_this_machine_is_verified(database):
    options = database.connector(host="db.example.com").options.connection
    assert (options.mode, options.unsafe) == ("verify-full", None)
    assert "in the clear" in database.connector(host="db.example.com", tls="disable").options.connection.unsafe
    # The server here speaks no TLS, so that a connection that insists on it is refused.
    if database.execute("SHOW ssl") == [("off",)]:
        assert "SSL" in str(refused(database, tls="require"))


def test_a_table_and_a_right_that_are_missing(database, reader):
    database.execute("CREATE TABLE t (id int)", "CREATE TABLE open_to_all (id int)", f"GRANT SELECT ON open_to_all TO {reader}")
    lake = database.lake(["t", "open_to_al", "open_to_all"], user=reader, password=SECRET)
    outcome = lake.fails(1, "extract", "erp", "--json")
    right, table = outcome.errors
    assert right["message"] == "erp.t: permission denied for table t"
    assert "GRANT SELECT" in right["hint"]
    assert table["message"] == "erp.open_to_al: no such table"
    assert "open_to_all" in table["hint"]
    assert [result["status"] for result in outcome.results] == ["error", "error", "success"]
    assert SECRET not in str(outcome)


def test_rows_that_a_policy_hides_are_an_error(database, reader):
    database.execute(
        "CREATE TABLE t (id int)",
        "INSERT INTO t VALUES (1), (2)",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY few ON t USING (id = 1)",
        f"GRANT SELECT ON t TO {reader}",
    )
    (result,) = database.lake(user=reader, password=SECRET).lake.extract("erp").results
    assert "erp.t: row-level security would hide rows" in result.error.message
    assert result.exit_code == 1


def test_the_connection_is_tested_before_anything_is_extracted(database, reader):
    database.execute("CREATE TABLE t (id int)", "CREATE TABLE closed (id int)", f"GRANT SELECT ON t TO {reader}")
    outcome = database.lake(user=reader, password=SECRET).ok("test-connection", "erp", "--json")
    (found,) = outcome.results
    assert found["server"].startswith("PostgreSQL ")
    assert found["tables"] == ["closed", "t"]
    assert found["latency_ms"] > 0
    assert abs(found["clock_difference_s"]) < 60
    assert found["missing_rights"][0] == "SELECT on closed"
    assert "pg_read_all_stats" in found["missing_rights"][1]
    assert SECRET not in str(outcome)
    database.lake(database="no_such_database").fails(4, "test-connection", "erp")


@pytest.mark.parametrize("cuts", [1, 99])
def test_a_connection_cut_in_mid_stream_lands_nothing_and_is_tried_again(database, cuts):
    database.execute("CREATE TABLE t (id int, v text)", "INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 20000) n")
    with cutting(database.fields["host"], database.fields["port"] or 5432, cuts, after=3_000_000) as port:
        lake = database.lake(extract={"retries": 1}, host="127.0.0.1", port=port)
        (result,) = lake.lake.extract("erp").results
    raw = list((lake.path / "data").glob("raw/**/*.parquet"))
    if cuts == 1:
        assert (result.status, result.rows, len(raw)) == ("success", 20000, 1)
    else:
        assert (result.exit_code, raw) == (4, [])
        assert "erp.t: the connection was lost" in result.error.message


def test_a_backend_that_is_terminated_can_be_tried_again(database):
    database.execute("CREATE TABLE t (id int, v text)", "INSERT INTO t SELECT n, repeat('x', 500) FROM generate_series(1, 60000) n")
    with database.connector().open(["t"]) as session:
        (stream,) = session.extract(ExtractRequest("t", parallel=1)).streams
        next(stream)
        database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ducklake/erp'")
        with pytest.raises(SourceError) as caught:
            list(stream)
        assert caught.value.retryable
        assert sum(batch.num_rows for stream in session.extract(ExtractRequest("t")).streams for batch in stream) == 60000


def test_cancelling_stops_it_at_the_server(database):
    database.execute("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)", "CREATE VIEW slow AS SELECT id, pg_sleep(60)::text FROM t")
    with database.connector().open(["slow"]) as session:
        (stream,) = session.extract(ExtractRequest("slow")).streams

        def when_it_runs():
            running = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'ducklake/erp' AND query LIKE 'COPY%' AND state = 'active'"
            while not database.execute(running):
                pass
            session.cancel()

        threading.Thread(target=when_it_runs).start()
        with pytest.raises(DataError, match=r"erp\.slow: canceling statement"):
            next(stream)
    assert database.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ducklake/erp'") == [(0,)]


def test_the_session_is_read_only_and_known_by_name(database):
    database.execute("CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
    with database.connector().open(["t"]) as session:
        session.extract(ExtractRequest("t"))
        seen = "SELECT DISTINCT state FROM pg_stat_activity WHERE application_name = 'ducklake/erp'"
        assert database.execute(seen) == [("idle in transaction",)]
