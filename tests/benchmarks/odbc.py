"""What the connector `sqlserver` costs beyond the library that it reads with: python tests/benchmarks/odbc.py [ROWS]

A table of PostgreSQL is read over psqlODBC by the connector's session (with PostgreSQL's words in place of Transact-SQL), by its channel
alone, and by bare arrow-odbc with the same statement, buffers and encoding; in turns, a process each, medians of the wall and processor
seconds. Needs `apt-get install odbc-postgresql unixodbc` and the server of DUCKLAKE_TEST_POSTGRESQL_URL or PostgreSQL's binaries.
"""

from __future__ import annotations

import importlib.util
import resource
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

from ducklake.testing.servers import postgresql

HELPER = Path(__file__).resolve().parents[2] / "plugins/ducklake-connector-sqlserver/tests/over_postgresql.py"
RUNS = 3
MAKE = """
CREATE TABLE t AS
SELECT i::bigint AS id, (i % 1000)::int AS n, (i * 0.01)::numeric(12, 2) AS price, i * 0.5::float8 AS f, date '2020-01-01' + i % 2000 AS d,
       timestamp '2020-01-01' + i * interval '1 second' AS s, md5(i::text)::varchar(40) AS name
FROM generate_series(1, {rows}) AS i
"""
WAYS = ("bare", "channel", "session")


def helper() -> ModuleType:
    """PostgreSQL's words in place of Transact-SQL."""
    spec = importlib.util.spec_from_file_location("over_postgresql", HELPER)
    module = importlib.util.module_from_spec(spec)
    sys.modules["over_postgresql"] = module
    spec.loader.exec_module(module)
    return module


def read(way: str, url: str, name: str) -> None:
    """Read the table once; print rows, wall seconds, processor seconds and peak memory in MB."""
    import pyarrow as pa
    from arrow_odbc import TextEncoding, connect

    from ducklake.api.extraction import ExtractRequest
    from ducklake_connector_sqlserver.odbc import ArrowChannel, Wire
    from ducklake_connector_sqlserver.options import SqlServerConnection, SqlServerOptions
    from ducklake_connector_sqlserver.session import SqlServerSession

    over = helper()
    context = over._Context()
    options = SqlServerOptions(connection=SqlServerConnection(**over.Database(url, name).fields))
    server = over.OverPostgresql(options.connection, context, over.PostgresqlDialect())
    kinds = [pa.int64(), pa.int32(), pa.decimal128(12, 2), pa.float64(), pa.date32(), pa.timestamp("us"), pa.string()]
    statement = "SELECT id, n, price, f, d, s, name FROM t"
    request = ExtractRequest("t")
    begun = time.perf_counter()
    if way == "bare":
        schema = pa.schema([pa.field(f"c{at}", kind) for at, kind in enumerate(kinds)])
        reader = connect(server.connection_string("erp.t")).read_arrow_batches(
            statement, request.batch_size, max_bytes_per_batch=None, schema=schema, payload_text_encoding=TextEncoding.UTF16
        )
        rows = sum(batch.num_rows for batch in reader)
    elif way == "channel":
        channel = ArrowChannel(server.connection_string("erp.t"), 10, "erp.t")
        wires = [Wire(kind, 40 if kind == pa.string() else None) for kind in kinds]
        rows = sum(batch.num_rows for batch in channel.batches(statement, wires, request.batch_size, request.batch_bytes))
        channel.close()
    else:
        with SqlServerSession(context, options, server) as session:
            rows = sum(batch.num_rows for batch in session.extract(request).streams[0])
    wall = time.perf_counter() - begun
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(rows, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main(rows: int) -> None:
    """Make the table, read it in turns, and print the ratios."""
    over = helper()
    with postgresql() as url:
        name = f"bench_{uuid.uuid4().hex[:8]}"
        admin = over.Database(url, urlsplit(url).path.lstrip("/") or "postgres")
        admin.execute(f"CREATE DATABASE {name}")
        try:
            over.Database(url, name).execute(MAKE.format(rows=rows), "ANALYZE t")
            found: dict[str, list[list[float]]] = {way: [] for way in WAYS}
            for _ in range(RUNS + 1):
                for way in WAYS:
                    done = subprocess.run([sys.executable, __file__, way, url, name], capture_output=True, text=True, check=True)
                    figures = [float(word) for word in done.stdout.split()]
                    assert figures[0] == rows, f"{way} read {figures[0]:.0f} rows"
                    found[way].append(figures[1:])
        finally:
            admin.execute(f"DROP DATABASE {name}")
    medians = {way: [statistics.median(column) for column in zip(*runs[1:], strict=True)] for way, runs in found.items()}
    for way, (wall, processor, memory) in medians.items():
        ratio = wall / medians["bare"][0]
        print(f"{way:8} {rows:,} rows {wall:7.2f} s wall ({ratio:.2f} of bare) {processor:7.2f} s CPU {memory:6.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        read(*sys.argv[1:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) == 2 else 3_000_000)
