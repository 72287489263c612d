"""What SQL Server is asked: by exact statement where it decides what lands, and every statement parsed as Transact-SQL."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal

import pytest

from ducklake_connector_sql.cursor import Probe
from ducklake_connector_sql.steps import KeyRange
from ducklake_connector_sqlserver import declared, diagnosis, isolation, probe
from ducklake_connector_sqlserver.declared import DeclaredColumn, Table
from ducklake_connector_sqlserver.dialect import Dialect
from ducklake_connector_sqlserver.matrix import CASES
from ducklake_connector_sqlserver.options import SqlServerOptions
from ducklake_connector_sqlserver.plans import plan_column
from ducklake_connector_sqlserver.probe import SqlServerKeyProbe
from ducklake_connector_sqlserver.session import Planned

NOW = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)
OPTIONS = SqlServerOptions(connection={"host": "h", "database": "d", "user": "u"})


class Server:
    """Answers questions by a word that stands in them, and keeps them."""

    def __init__(self, **answers):
        self.answers = {
            "SYSUTCDATETIME": [("2024-02-29 12:00:00.1234567",)],
            "Updateability": [(0,)],
            "dm_tran_active_transactions": [(None,)],
            "TOP (1) 1": [(1,)],
            **answers,
        }
        self.asked = []

    def __call__(self, statement):
        self.asked.append(statement)
        for word, rows in self.answers.items():
            if word in statement:
                if isinstance(rows, Exception):
                    raise rows
                return rows
        return []


def probe_of(server, kind, *, refused=False, **fields):
    column = DeclaredColumn("k]", kind, None, **{"octets": 8, "precision": 10, "scale": 2, **fields})
    return SqlServerKeyProbe(server, "[dbo].[t]", column, "ducklake/erp", lambda error: refused)


def parsed(statement):
    sqlglot = pytest.importorskip("sqlglot", reason="parses Transact-SQL with sqlglot: pip install sqlglot")
    (tree,) = sqlglot.parse(statement, dialect="tsql", error_level=sqlglot.ErrorLevel.RAISE)
    return tree


CATALOG = {
    "tables": declared.TABLES,
    "columns": declared.COLUMNS.format(schema="N'dbo'", table="N'o''t'"),
    "result": declared.RESULT.format(statement="N'SELECT 1 AS a'"),
    "indexes": declared.INDEXES.format(schema="N'dbo'", table="N'o''t'"),
    "indexed": declared.INDEXED.format(schema="N'dbo'", table="N't'", column="N'c'"),
    "state": isolation.STATE,
    "clock": probe.CLOCK,
    "active": probe.ACTIVE,
    "replica": probe.REPLICA,
    "oldest": probe.OLDEST.format(application="N'ducklake/erp'"),
    "version": diagnosis.VERSION,
    "encrypted": diagnosis.ENCRYPTED,
    "rights": diagnosis.RIGHTS,
    "unreadable": diagnosis.UNREADABLE,
}


@pytest.mark.parametrize("name", CATALOG)
def test_questions_to_the_catalog_are_transact_sql(name):
    assert parsed(CATALOG[name]).key == "select"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.words)
@pytest.mark.parametrize("as_type", ["text", "timestamp"])
def test_the_statement_for_every_type_is_transact_sql(case, as_type):
    plan = plan_column(case.declared, datetime2=as_type, datetimeoffset=as_type)
    planned = Planned("[dbo].[t]", (case.declared,), (plan,), ())
    condition = "([a] > 1\n)"
    statement = f"SELECT {plan.expression} AS c0 {planned.where([condition, '[c] >= 1'])}"
    tree = parsed(statement)
    assert [alias.alias for alias in tree.expressions] == ["c0"]
    assert tree.find(pytest.importorskip("sqlglot").exp.Where) is not None


EXPRESSIONS = {
    "bit": "[c]",
    "decimal(5,2)": "[c]",
    "decimal(38,38)": "CONVERT(varchar(48), [c])",
    "money": "CAST([c] AS decimal(19, 4))",
    "smallmoney": "CAST([c] AS decimal(10, 4))",
    "datetime": "[c]",
    "datetime2(6)": "[c]",
    "datetime2(7)": "CONVERT(varchar(27), [c], 121)",
    "time(7)": "CONVERT(varchar(16), [c], 121)",
    "datetimeoffset(7)": "CONVERT(varchar(34), [c], 121)",
    "uniqueidentifier": "CONVERT(char(36), [c])",
    "hierarchyid": "[c].ToString()",
    "xml": "CONVERT(nvarchar(max), [c])",
    "geography": "CAST([c] AS varbinary(max))",
    "rowversion": "CAST([c] AS bigint)",
    "ntext": "CAST([c] AS nvarchar(max))",
    "nvarchar(max)": "[c]",
}


@pytest.mark.parametrize("words", EXPRESSIONS)
def test_a_column_is_asked_for_without_a_loss(words):
    case = next(case for case in CASES if case.words == words)
    assert plan_column(case.declared).expression == EXPRESSIONS[words]


def test_names_and_texts_are_data():
    assert declared.Table("a]b", "c'd", "table").sql == "[a]]b].[c'd]"
    assert "s.name = N'a]b' AND o.name = N'c''d'" in declared.COLUMNS.format(schema="N'a]b'", table="N'c''d'")
    server = Server()
    declared.columns_of(server, Table("x'y", "z", "table"))
    assert "s.name = N'x''y' AND o.name = N'z'" in server.asked[0]
    parsed(server.asked[0])


def test_a_query_is_described_before_it_is_read():
    server = Server(dm_exec_describe_first_result_set=[("a", "int", None, 4, 10, 0, None, None)])
    columns = declared.columns_of_query(server, "SELECT N'it''s' AS a FROM t;", "erp.q")
    assert columns == (DeclaredColumn("a", "int", None, 4, 10, 0),)
    assert "N'SELECT * FROM (\nSELECT N''it''''s'' AS a FROM t\n) AS q'" in server.asked[0]
    parsed(server.asked[0])


def test_a_query_that_cannot_be_described_says_why():
    from ducklake.errors import DataError

    server = Server(dm_exec_describe_first_result_set=[(None, None, None, 0, 0, 0, 1033, "The ORDER BY clause is invalid")])
    with pytest.raises(DataError, match=r"erp\.q: The ORDER BY clause is invalid \(1033\)"):
        declared.columns_of_query(server, "SELECT a FROM t ORDER BY a", "erp.q")


def test_rows_are_counted_and_unbounded_columns_measured_in_one_statement():
    plans = [plan_column(DeclaredColumn(name, kind, None, -1)) for name, kind in (("a", "nvarchar"), ("b", "varchar"), ("x", "xml"))]
    statement = f"SELECT {Dialect().count(plans)} FROM [dbo].[t]"
    assert statement == (
        "SELECT COUNT_BIG(*), CAST(COALESCE(MAX(DATALENGTH([a])), 0) AS bigint) / 2, CAST(COALESCE(MAX(DATALENGTH([b])), 0) AS bigint), "
        "CAST(COALESCE(MAX(DATALENGTH(CONVERT(nvarchar(max), [x]))), 0) AS bigint) / 2 FROM [dbo].[t]"
    )
    parsed(statement)
    parsed(f"SELECT {Dialect().broken(plans[0])} FROM [dbo].[t]")


KEYS = [
    ("int", "integer", "5", "5"),
    ("bigint", "integer", "-9223372036854775808", "-9223372036854775808"),
    ("timestamp", "integer", "2003", "0x00000000000007D3"),
    ("timestamp", "integer", str(2**64 - 1), "0xFFFFFFFFFFFFFFFF"),
    ("timestamp", "integer", "-5", "0x0000000000000000"),
    ("decimal", "decimal", "1.5", "CAST(N'1.5' AS decimal(10, 2))"),
    ("decimal", "decimal", "1.500000", "CAST(N'1.500000' AS decimal(38, 6))"),
    ("money", "decimal", "1.2345", "CAST(N'1.2345' AS decimal(19, 4))"),
    ("float", "float", "0.1", "CAST(N'0.1' AS float)"),
    ("date", "date", "2024-02-29", "CAST(N'2024-02-29' AS date)"),
    ("datetime", "timestamp", "2024-02-29 10:00:00.003", "CONVERT(datetime, N'2024-02-29 10:00:00.003', 121)"),
    ("datetime2", "timestamp", "2024-02-29 10:00:00.123456", "CAST(N'2024-02-29 10:00:00.123456' AS datetime2(7))"),
    ("datetimeoffset", "timestamp", "2024-02-29 10:00:00+00", "CAST(N'2024-02-29 10:00:00 +00:00' AS datetimeoffset(7))"),
    ("uniqueidentifier", "text", "6F96", "CAST(N'6F96' AS uniqueidentifier)"),
    ("nvarchar", "text", "ñ' OR 1=1 --", "N'ñ'' OR 1=1 --'"),
]


@pytest.mark.parametrize(("kind", "words", "key", "value"), KEYS)
def test_a_key_is_compared_in_its_own_type(kind, words, key, value):
    found = probe_of(Server(), kind).condition(words, KeyRange(low=key))
    assert found == f"([k]]] >= {value} OR [k]]] IS NULL)"
    parsed(f"SELECT 1 FROM [dbo].[t] WHERE {found}")


def test_a_window_of_a_first_load_has_both_bounds_and_no_rows_without_a_key():
    asked = probe_of(Server(), "int")
    assert asked.condition("integer", KeyRange("1", "5", nulls=False)) == "[k]]] >= 1 AND [k]]] < 5"
    assert asked.condition("integer", KeyRange(nulls=False)) == "[k]]] IS NOT NULL"
    assert asked.condition("integer", KeyRange()) is None


ANSWERS = [
    ("timestamp", "integer", -1, str(2**64 - 1)),
    ("datetime", "timestamp", "2024-02-29 10:00:00.003", "2024-02-29 10:00:00.003"),
    ("datetime2", "timestamp", "2024-02-29 10:00:00.1234567", "2024-02-29 10:00:00.123456"),
    ("datetimeoffset", "timestamp", "2024-02-29 10:00:00.1234567", "2024-02-29 10:00:00.123456+00"),
    ("date", "date", "2024-02-29", "2024-02-29"),
    ("float", "float", "1.0000000000000001e-001", "0.1"),
    ("money", "decimal", "1.2345", "1.2345"),
    ("bigint", "integer", "7", "7"),
    ("uniqueidentifier", "text", "6F96", "6F96"),
]


@pytest.mark.parametrize(("kind", "words", "answer", "key"), ANSWERS)
def test_the_highest_key_is_read_back_as_the_lake_writes_keys(kind, words, answer, key):
    server = Server(**{"TOP (1)": [(answer,)], "MIN_ACTIVE_ROWVERSION": [(2**40,)]})
    assert probe_of(server, kind).highest(words, NOW) == key
    for statement in server.asked:
        parsed(statement)


def test_times_beyond_the_clock_of_the_server_are_no_highest_key():
    server = Server()
    probe_of(server, "datetime2").highest("timestamp", NOW)
    assert server.asked == [
        (
            "SELECT TOP (1) CONVERT(varchar(27), [k]]], 121) FROM [dbo].[t] "
            "WHERE [k]]] <= CAST(N'2024-02-29 12:00:00' AS datetime2(7)) ORDER BY [k]]] DESC"
        )
    ]


def test_a_rowversion_goes_up_to_what_no_open_transaction_can_still_write():
    """Asked in this order: a version that is assigned after the first answer is not below it."""
    server = Server(MIN_ACTIVE_ROWVERSION=[(2003,)], **{"TOP (1)": [(2001,)]})
    asked = probe_of(server, "timestamp")
    assert asked.highest("integer", NOW) == "2001"
    assert server.asked == [
        "SELECT CAST(MIN_ACTIVE_ROWVERSION() AS bigint)",
        "SELECT TOP (1) CAST([k]]] AS bigint) FROM [dbo].[t] WHERE [k]]] < 0x00000000000007D3 ORDER BY [k]]] DESC",
    ]
    horizon = asked.horizon(Probe("2001", NOW), decimal.Decimal(0))
    assert horizon.quiet
    assert horizon.since == NOW
    assert horizon.note is None
    assert not any("dm_tran" in statement for statement in server.asked)


def test_open_transactions_hold_the_watermark_back():
    began = "2024-02-29 11:00:00.0000000"
    horizon = probe_of(Server(dm_tran_active_transactions=[(began,)]), "int").horizon(Probe("5", NOW), decimal.Decimal(0))
    # The server's clock may have been put back since, and the time is rounded.
    assert horizon.since == dt.datetime(2024, 2, 29, 9, 59, 59, tzinfo=dt.UTC)
    assert "a transaction has been open for 60 minutes" in horizon.note
    assert horizon.urgent


def test_row_versions_of_another_database_are_numbers_like_any_other():
    server = Server(dm_tran_active_transactions=[("2024-02-29 11:00:00.0000000",)], **{"TOP (1)": [(7,)]})
    asked = dataclasses.replace(probe_of(server, "timestamp"), own=False)
    assert asked.highest("integer", NOW) == "7"
    assert asked.horizon(Probe("7", NOW), decimal.Decimal(0)).urgent
    assert not any("MIN_ACTIVE_ROWVERSION" in statement for statement in server.asked)


def test_nothing_open_lets_the_watermark_advance_at_once():
    assert probe_of(Server(), "int").horizon(Probe("5", NOW), decimal.Decimal(0)).quiet


@pytest.mark.parametrize("kind", ["int", "datetime2"])
def test_a_login_that_may_not_see_transactions_is_told_which_right_helps(kind):
    server = Server(dm_tran_active_transactions=PermissionError())
    horizon = probe_of(server, kind, refused=True).horizon(Probe("5", NOW), dt.timedelta(hours=1))
    assert horizon.since == NOW - dt.timedelta(hours=1)
    assert "GRANT VIEW SERVER STATE" in horizon.note
    with pytest.raises(PermissionError):
        probe_of(server, kind).horizon(Probe("5", NOW), dt.timedelta(hours=1))


@pytest.mark.parametrize("kind", ["int", "timestamp"])
def test_a_replica_does_not_see_what_is_open_at_its_primary(kind):
    horizon = probe_of(Server(Updateability=[(1,)]), kind).horizon(Probe("5", NOW), decimal.Decimal(0))
    assert horizon.since == NOW - dt.timedelta(minutes=15)
    assert "replica" in horizon.note


@pytest.mark.parametrize(
    ("state", "statements", "words"),
    [
        ((1, 1), ("SET TRANSACTION ISOLATION LEVEL SNAPSHOT", "BEGIN TRANSACTION"), None),
        ((1, 0), ("SET TRANSACTION ISOLATION LEVEL SNAPSHOT", "BEGIN TRANSACTION"), None),
        ((0, 1), (), "READ_COMMITTED_SNAPSHOT"),
        ((0, 0), (), "may be missing or come twice"),
        ((3, 0), (), "may be missing or come twice"),
    ],
)
def test_the_snapshot_is_what_the_database_allows_and_what_it_does_not_is_said(state, statements, words):
    found = isolation.isolation_of(Server(snapshot_isolation_state=[state]))
    assert found.begin == statements
    assert (found.note is None) == (words is None)
    assert words is None or words in found.note


def test_tables_outside_the_default_schema_are_shown_with_it():
    server = Server(**{"sys.objects": [("dbo", "t", "U", 1), ("dbo", "v", "V", 1), ("ventas", "t", "U", 0)]})
    found = declared.list_tables(server)
    assert found == {"t": Table("dbo", "t", "table"), "v": Table("dbo", "v", "view"), "ventas.t": Table("ventas", "t", "table")}


INDEXES_OF_T = """
SELECT c.name, CAST(x.is_primary_key AS int), (
    SELECT COUNT(*) FROM sys.index_columns AS m WHERE m.object_id = i.object_id AND m.index_id = i.index_id AND m.key_ordinal > 0
)
FROM sys.index_columns AS i
JOIN sys.indexes AS x ON x.object_id = i.object_id AND x.index_id = i.index_id
JOIN sys.columns AS c ON c.object_id = i.object_id AND c.column_id = i.column_id
JOIN sys.objects AS o ON o.object_id = i.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = N'v''s' AND o.name = N't]' AND o.type IN ('U', 'V') AND i.key_ordinal = 1
  AND x.type IN (1, 2) AND x.has_filter = 0 AND x.is_disabled = 0 AND x.is_hypothetical = 0
ORDER BY c.column_id, x.index_id
"""


def test_indexes_are_asked_for_with_names_as_data():
    server = Server(**{"sys.indexes": [("a", 0, 1), ("id", 1, 1), ("id", 0, 2), ("b", 1, 2)]})
    found = declared.indexed_columns(server, Table("v's", "t]", "table"))
    assert server.asked == [INDEXES_OF_T]
    assert found == {"a": False, "id": True, "b": False}


COLUMNS_OF_T = ["id", "version", "cambio", "cliente", "estado", "importe"]
PLAIN = {"type": 2, "filtered": 0, "disabled": 0, "hypothetical": 0, "primary": 0}
HEAP = (0, {**PLAIN, "type": 0}, [])
INDEXES = {
    "a heap": ([HEAP], {}),
    "a clustered primary key": ([(1, {**PLAIN, "type": 1, "primary": 1}, [("id", 1, 0)])], {"id": True}),
    "a primary key that is not clustered": ([HEAP, (2, {**PLAIN, "primary": 1}, [("id", 1, 0)])], {"id": True}),
    "a primary key of two": ([(1, {**PLAIN, "type": 1, "primary": 1}, [("cliente", 1, 0), ("id", 2, 0)])], {"cliente": False}),
    "a primary key, and the same column first elsewhere": (
        [(1, {**PLAIN, "type": 1, "primary": 1}, [("id", 1, 0)]), (2, PLAIN, [("id", 1, 0), ("cambio", 2, 0)])],
        {"id": True},
    ),
    "an included column": ([HEAP, (2, PLAIN, [("version", 1, 0), ("importe", 0, 1), ("id", 0, 1)])], {"version": False}),
    "a second key column": ([HEAP, (2, PLAIN, [("cliente", 1, 0), ("cambio", 2, 0)])], {"cliente": False}),
    "a key that is not the first of its columns": ([HEAP, (2, PLAIN, [("id", 2, 0), ("cambio", 1, 0)])], {"cambio": False}),
    "a filter": ([HEAP, (2, {**PLAIN, "filtered": 1}, [("cambio", 1, 0)])], {}),
    "disabled": ([HEAP, (2, {**PLAIN, "disabled": 1}, [("cambio", 1, 0)])], {}),
    "hypothetical": ([HEAP, (2, {**PLAIN, "hypothetical": 1}, [("cambio", 1, 0)])], {}),
    "a clustered columnstore": ([(1, {**PLAIN, "type": 5}, [(name, 0, 1) for name in COLUMNS_OF_T])], {}),
    "a columnstore beside a key": (
        [(1, {**PLAIN, "type": 1, "primary": 1}, [("id", 1, 0)]), (2, {**PLAIN, "type": 6}, [("cambio", 0, 1), ("importe", 0, 1)])],
        {"id": True},
    ),
    "a hash of a table in memory": ([(2, {**PLAIN, "type": 7, "primary": 1}, [("id", 1, 0)])], {}),
    "an index for XML": ([HEAP, (256000, {**PLAIN, "type": 3}, [("estado", 1, 0)])], {}),
    "partitions by another column": ([(1, {**PLAIN, "type": 1}, [("version", 1, 0), ("cliente", 0, 0)])], {"version": False}),
}


@pytest.mark.parametrize("name", INDEXES)
def test_the_catalog_as_documented_tells_the_indexed_columns(name):
    """The very statement, put into DuckDB's words, over rows as the documentation of the catalog views describes them."""
    duckdb = pytest.importorskip("duckdb")
    sqlglot = pytest.importorskip("sqlglot", reason="puts Transact-SQL into DuckDB's words: pip install sqlglot")
    connection = duckdb.connect()
    connection.execute(
        """
        CREATE SCHEMA sys;
        CREATE TABLE sys.schemas AS FROM (VALUES (1, 'dbo'), (5, 'ventas')) AS s(schema_id, name);
        CREATE TABLE sys.objects AS
            FROM (VALUES (7, 't', 1, 'U '), (8, 't', 5, 'U '), (9, 'u', 1, 'U ')) AS o(object_id, name, schema_id, type);
        CREATE TABLE sys.columns (object_id INTEGER, column_id INTEGER, name VARCHAR);
        CREATE TABLE sys.indexes (
            object_id INTEGER, index_id INTEGER, type UTINYINT, has_filter BOOLEAN, is_disabled BOOLEAN, is_hypothetical BOOLEAN,
            is_primary_key BOOLEAN
        );
        CREATE TABLE sys.index_columns (
            object_id INTEGER, index_id INTEGER, index_column_id INTEGER, column_id INTEGER, key_ordinal UTINYINT,
            is_included_column BOOLEAN
        );
        """
    )
    indexes, wanted = INDEXES[name]
    # Two tables more, of the same name in another schema and of another name in the same, with indexes of their own.
    for number, own in ((7, indexes), (8, [(1, PLAIN, [("estado", 1, 0)])]), (9, [(1, PLAIN, [("importe", 1, 0)])])):
        for at, column in enumerate(COLUMNS_OF_T, 1):
            connection.execute("INSERT INTO sys.columns VALUES (?, ?, ?)", [number, at, column])
        for index, facts, columns in own:
            flags = [facts[word] for word in ("type", "filtered", "disabled", "hypothetical", "primary")]
            connection.execute("INSERT INTO sys.indexes VALUES (?, ?, ?, ?, ?, ?, ?)", [number, index, *flags])
            for at, (column, ordinal, included) in enumerate(columns, 1):
                values = [number, index, at, COLUMNS_OF_T.index(column) + 1, ordinal, included]
                connection.execute("INSERT INTO sys.index_columns VALUES (?, ?, ?, ?, ?, ?)", values)

    def ask(statement):
        (text,) = sqlglot.transpile(statement.replace("o.type IN", "RTRIM(o.type) IN"), read="tsql", write="duckdb")
        return connection.execute(text).fetchall()

    assert declared.indexed_columns(ask, Table("dbo", "t", "table")) == wanted
    # What is said of a key at the first extraction agrees, but for columns that are stored by themselves: those need no tree.
    stored = {column for _, facts, columns in indexes if facts["type"] in (5, 6) for column, *_ in columns}
    for column in COLUMNS_OF_T:
        asked = declared.INDEXED.format(schema="N'dbo'", table="N't'", column=f"N'{column}'")
        assert bool(ask(asked)) == (column in wanted or column in stored), column


class Channel:
    """Keeps what it is told."""

    def __init__(self, *answers):
        self.told, self._answers = [], list(answers)

    def execute(self, statement):
        self.told.append(statement)

    def ask(self, statement):
        self.told.append(statement)
        return self._answers.pop(0)


def test_a_session_is_ended_only_if_it_is_still_ours():
    tag = "0f" * 16
    channel = Channel([(57,)])
    Dialect().kill(channel, 57, tag)
    assert f"session_id = 57 AND CAST(context_info AS binary(16)) = 0x{tag}" in channel.told[0]
    assert channel.told[1:] == ["KILL 57"]
    parsed(channel.told[0])
    gone = Channel([])
    Dialect().kill(gone, 57, tag)
    assert len(gone.told) == 1


def test_a_new_session_has_fixed_formats_and_a_mark():
    channel = Channel([(57,)])
    assert Dialect().prepare(channel, "0f" * 16) == 57
    assert "SET DATEFORMAT ymd" in channel.told[0]
    assert "TEXTSIZE 2147483647" in channel.told[0]
    assert channel.told[1:] == [f"SET CONTEXT_INFO 0x{'0f' * 16}", "SELECT CAST(@@SPID AS int)"]
