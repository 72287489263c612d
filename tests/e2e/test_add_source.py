"""`ducklake add-source` over real databases and files, from nothing to rows in raw."""

from __future__ import annotations

import stat
import uuid
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
import yaml

from ducklake.testing.project import run_command, sqlite_file

SHOP = """
    CREATE TABLE clientes (id INTEGER PRIMARY KEY, nombre TEXT, actualizado DATETIME);
    CREATE INDEX por_cambio ON clientes (actualizado);
    CREATE TABLE pedidos (id INTEGER PRIMARY KEY, cliente INTEGER, importe DECIMAL(10,2));
    CREATE INDEX por_cliente ON pedidos (cliente);
    CREATE TABLE lineas (pedido INTEGER, linea INTEGER, texto TEXT, PRIMARY KEY (pedido, linea));
    CREATE TABLE notas (texto TEXT, modified_at DATETIME, cliente INTEGER);
    CREATE INDEX notas_cliente ON notas (cliente);
    CREATE VIEW resumen AS SELECT count(*) AS n FROM pedidos;
    INSERT INTO clientes VALUES (1, 'Ana', '2025-01-01 10:00:00'), (2, 'Luis', '2025-01-02 10:00:00');
    INSERT INTO pedidos VALUES (1, 1, 10.5), (2, 1, 3.25), (3, 2, 8);
    INSERT INTO lineas VALUES (1, 1, 'a');
    INSERT INTO notas VALUES ('x', '2025-01-01 00:00:00', 1);
    ANALYZE;
"""
PASSWORD = "p'a \"s$s\\w@o/r:d#é"


def proposed(outcome):
    return {table["table"]: (table["mode"], table["key_column"]) for table in outcome.results[0]["tables"]}


@pytest.fixture
def project(tmp_path):
    """What `ducklake init` makes."""
    done = run_command("init", "lake", "--path", str(tmp_path))
    assert done.exit_code == 0, str(done)
    return tmp_path / "lake"


def add(project: Path, *args: str, exit_code: int = 0, stdin: str = ""):
    done = run_command("-C", str(project), "add-source", *args, "--json", stdin=stdin, cwd=project)
    assert done.exit_code == exit_code, str(done)
    return done


def test_keys_are_proposed_by_indexes_types_and_names(project):
    sqlite_file(SHOP)(project / "shop.db")
    done = add(project, "shop", "sqlite:///shop.db", "--yes")
    assert proposed(done) == {
        "clientes": ("incremental", "actualizado"),
        "pedidos": ("incremental", "id"),
        "lineas": ("full", None),
        "notas": ("full", None),
        "resumen": ("full", None),
    }
    notes = {table["table"]: table["note"] for table in done.results[0]["tables"]}
    assert notes["clientes"] is None
    assert "not changes of rows" in notes["pedidos"]
    assert "modified_at" in notes["notas"]
    assert {table["table"]: table["rows_estimate"] for table in done.results[0]["tables"]}["pedidos"] == 3
    source = yaml.safe_load((project / "config/sources.yaml").read_text())["sources"][0]
    assert source["tables"] == [
        "*",
        {"name": "clientes", "extract": {"mode": "incremental", "key_column": "actualizado"}},
        {"name": "pedidos", "extract": {"mode": "incremental", "key_column": "id"}},
    ]
    assert "extract" not in source
    done = run_command("-C", str(project), "extract", "shop", "--json")
    assert done.exit_code == 0, str(done)
    assert {row["table"]: row["rows"] for row in done.results} == {"clientes": 2, "pedidos": 3, "lineas": 1, "notas": 1, "resumen": 1}
    again = run_command("-C", str(project), "extract", "shop", "--json")
    assert {row["table"]: row["status"] for row in again.results}["pedidos"] == "empty"


def test_a_key_that_most_tables_have_stands_once(project):
    sqlite_file(
        "".join(
            f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, updated_at DATETIME); CREATE INDEX i{number} ON t{number} (updated_at);"
            for number in range(4)
        )
        + "CREATE TABLE sin (a TEXT); CREATE TABLE solo (id INTEGER PRIMARY KEY);"
    )(project / "shop.db")
    add(project, "shop", "shop.db", "--yes")
    source = yaml.safe_load((project / "config/sources.yaml").read_text())["sources"][0]
    assert source["extract"] == {"mode": "incremental", "key_column": "updated_at"}
    assert source["tables"] == [
        "*",
        {"name": "sin", "extract": {"mode": "full"}},
        {"name": "solo", "extract": {"mode": "incremental", "key_column": "id"}},
    ]
    assert run_command("-C", str(project), "extract", "shop").exit_code == 0


def test_tables_that_are_called_like_patterns_and_references_are_read_as_what_they_are(project):
    tables = ["odd [name]", "odd n", "keyed?", "keyed1", "${HOME}", "null", "it's", 'say "x"', "new\nline", "select", "ñandú 🦆"]
    script = "".join(f'CREATE TABLE "{name.replace(chr(34), chr(34) * 2)}" ("${{K}}" INTEGER PRIMARY KEY);' for name in tables)
    sqlite_file(script + 'CREATE TABLE "keyed*" (a TEXT);')(project / "shop.db")
    add(project, "all", "shop.db", "--yes")
    add(project, "some", "shop.db", "--yes", "--table", "${HOME}", "--key-column", "${k}")
    add(project, "blind", "shop.db", "--yes", "--table", "${HOME}", "--key-column", "${K}", "--no-test")
    done = run_command("-C", str(project), "extract", "--all", "--json")
    assert done.exit_code == 0, str(done)
    assert sorted(row["table"] for row in done.results) == sorted([*tables, "keyed*", "${HOME}", "${HOME}"])


def test_a_home_folder_that_is_not_there_is_no_defect(project):
    done = add(project, "shop", "--type", "sqlite", "--set", "connection.database=~no_such_user_here/shop.db", "--yes", exit_code=1)
    assert "no such file" in done.errors[0]["message"]


def test_mode_and_key_can_be_said(project):
    sqlite_file(SHOP)(project / "shop.db")
    add(project, "a", "shop.db", "--yes", "--mode", "full", "--table", "p*")
    done = add(project, "b", "shop.db", "--yes", "--key-column", "ID", "--table", "clientes", "--table", "pedidos")
    assert proposed(done) == {"clientes": ("incremental", "id"), "pedidos": ("incremental", "id")}
    done = add(project, "c", "shop.db", "--yes", "--mode", "incremental", exit_code=2)
    assert "no key is found for lineas, notas, resumen" in done.errors[0]["message"]
    done = add(project, "c", "shop.db", "--yes", "--key-column", "idd", exit_code=2)
    assert "'idd'" in done.errors[0]["message"]
    done = add(
        project, "c", "shop.db", "--yes", "--set", "extract.lookback=5 minutes", "--set", "extract.batch_size=1000", "--table", "clientes"
    )
    sources = {source["name"]: source for source in yaml.safe_load((project / "config/sources.yaml").read_text())["sources"]}
    assert sources["a"]["extract"] == {"mode": "full"}
    assert sources["b"]["extract"] == {"mode": "incremental", "key_column": "id"}
    assert sources["c"]["extract"] == {"mode": "incremental", "key_column": "actualizado", "lookback": "5 minutes", "batch_size": 1000}
    assert run_command("-C", str(project), "extract", "--all").exit_code == 0


def test_a_table_that_cannot_be_looked_at_is_proposed_in_full_with_the_reason(project):
    script = "CREATE TABLE fotos (id INTEGER PRIMARY KEY, foto); CREATE TABLE a (id INTEGER PRIMARY KEY);"
    script += "INSERT INTO fotos VALUES (1, x'00'), (2, 'text');"
    sqlite_file(script)(project / "shop.db")
    done = add(project, "shop", "shop.db", "--yes")
    assert proposed(done) == {"a": ("incremental", "id"), "fotos": ("full", None)}
    assert "fotos.foto" in done.results[0]["tables"][1]["note"]


def test_defaults_of_the_lake_do_not_change_what_was_proposed(project):
    (project / "config/settings.yaml").write_text("extract: {mode: incremental, key_column: cambio}\n", encoding="utf-8")
    sqlite_file("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (t TEXT); CREATE TABLE c (t TEXT);")(project / "shop.db")
    add(project, "shop", "shop.db", "--yes")
    source = yaml.safe_load((project / "config/sources.yaml").read_text())["sources"][0]
    assert source["extract"] == {"mode": "full"}
    assert source["tables"] == ["*", {"name": "a", "extract": {"mode": "incremental", "key_column": "id"}}]
    assert run_command("-C", str(project), "extract", "shop").exit_code == 0


def test_files_need_nothing_but_their_path(project):
    (project / "drops").mkdir()
    (project / "drops/a.csv").write_text("id,importe\n1,10.50\n", encoding="utf-8")
    done = add(project, "drops", "drops/*.csv", "--yes")
    assert done.results[0]["type"] == "csv"
    source = yaml.safe_load((project / "config/sources.yaml").read_text())["sources"][0]
    assert source == {"name": "drops", "type": "csv", "path": "drops/*.csv", "tables": ["*"]}
    assert run_command("-C", str(project), "extract", "drops", "--json").results[0]["rows"] == 1


def test_a_missing_file_is_exit_1_and_writes_nothing(project):
    before = (project / "config/sources.yaml").read_bytes()
    done = add(project, "shop", "gone.db", "--yes", exit_code=1)
    assert "no such file" in done.errors[0]["message"]
    assert (project / "config/sources.yaml").read_bytes() == before


class Server:
    """A database of a test's own, with a user who has a hostile password."""

    def __init__(self, scheme, url, name, user):
        self.parts, self.scheme, self.name, self.user = urlsplit(url), scheme, name, user

    def url(self, password: str | None = None, user: str | None = None, scheme: str | None = None, query: str = "") -> str:
        login = quote(user or self.user) + (f":{quote(password, safe='')}" if password else "")
        return f"{scheme or self.scheme}://{login}@{self.parts.hostname}:{self.parts.port}/{self.name}{query}"


TABLES = [
    "CREATE TABLE clientes (id bigint PRIMARY KEY, nombre varchar(20), updated_at timestamp NOT NULL DEFAULT now())",
    "CREATE INDEX por_cambio ON clientes (updated_at)",
    "CREATE TABLE pedidos (id bigint PRIMARY KEY, cliente bigint)",
    "CREATE INDEX por_cliente ON pedidos (cliente)",
    "CREATE TABLE lineas (pedido bigint, linea int, PRIMARY KEY (pedido, linea))",
    "INSERT INTO clientes (id, nombre) VALUES (1, 'Ana'), (2, 'Luis')",
    "INSERT INTO pedidos VALUES (1, 1), (2, 1), (3, 2)",
]
PROPOSED = {"clientes": ("incremental", "updated_at"), "lineas": ("full", None), "pedidos": ("incremental", "id")}


@pytest.fixture
def postgresql(postgresql_url):
    import psycopg2
    from psycopg2.sql import SQL, Identifier, Literal

    name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
    server = Server("postgresql", postgresql_url, name, name)

    def run(database, *statements):
        parts = server.parts
        connection = psycopg2.connect(
            host=parts.hostname, port=parts.port, user=parts.username, password=parts.password, dbname=database or parts.path[1:]
        )
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    role, secret = Identifier(name), Literal(PASSWORD)
    run(None, f"CREATE DATABASE {name}", SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, secret))
    try:
        run(name, *TABLES, SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(role), "ANALYZE")
        yield server
    finally:
        run(None, f"DROP DATABASE {name} WITH (FORCE)", f"DROP ROLE {name}")


@pytest.fixture
def mysql(mysql_url):
    pymysql = pytest.importorskip("pymysql")
    name = f"ducklake_test_{uuid.uuid4().hex[:12]}"
    user = name[:30]
    server = Server("mysql", mysql_url, name, user)
    parts = server.parts
    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        autocommit=True,
        ssl_disabled=True,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            cursor.execute(f"USE {name}")
            for statement in TABLES:
                cursor.execute(statement)
            cursor.execute("ANALYZE TABLE clientes, pedidos, lineas")
            cursor.execute(f"CREATE USER {user} IDENTIFIED BY %s", (PASSWORD,))
            cursor.execute(f"GRANT SELECT ON {name}.* TO {user}")
            cursor.execute("GRANT PROCESS ON *.* TO " + user)
            yield server
        finally:
            cursor.execute(f"DROP DATABASE {name}")
            cursor.execute(f"DROP USER IF EXISTS {user}")


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_from_nothing_to_rows(kind, tmp_path, request):
    server = request.getfixturevalue(kind)
    assert run_command("init", "lake", "--path", str(tmp_path)).exit_code == 0
    project = tmp_path / "lake"
    done = add(project, "erp", server.url(), "--password-stdin", "--yes", stdin=PASSWORD + "\n")
    assert proposed(done) == PROPOSED
    assert {table["table"]: table["rows_estimate"] for table in done.results[0]["tables"]}["pedidos"] == 3
    assert done.results[0]["server"]
    assert PASSWORD not in done.stdout + done.stderr
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    text = (project / "config/sources.yaml").read_text()
    assert 'password: "${ERP_PASSWORD}"' in text
    assert text.startswith("# Where data comes from.")
    done = run_command("-C", str(project), "extract", "erp", "--json")
    assert done.exit_code == 0, str(done)
    assert {row["table"]: row["rows"] for row in done.results} == {"clientes": 2, "pedidos": 3, "lineas": 0}
    assert run_command("-C", str(project), "validate").exit_code == 0


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_the_password_of_the_url_is_decoded_and_moves_to_env(kind, project, request):
    server = request.getfixturevalue(kind)
    query = {"postgresql": "?sslmode=disable&connect_timeout=5", "mysql": "?ssl-mode=DISABLED"}[kind]
    done = add(project, "erp", "--url", server.url(PASSWORD, query=query), "--yes", "--table", "pedidos")
    assert PASSWORD not in done.stdout + done.stderr
    assert quote(PASSWORD, safe="") not in done.stdout + done.stderr
    source = yaml.safe_load((project / "config/sources.yaml").read_text())["sources"][0]
    assert source["connection"]["tls"] == "disable"
    assert source["tables"] == ["pedidos"]
    assert source["extract"] == {"mode": "incremental", "key_column": "id"}
    assert run_command("-C", str(project), "extract", "erp", "--json").results[0]["rows"] == 3


@pytest.mark.parametrize(("kind", "change"), [("mysql", "password"), ("mysql", "user"), ("postgresql", "user"), ("postgresql", "database")])
def test_who_is_not_let_in_finds_everything_as_it_was(kind, change, project, request):
    server = request.getfixturevalue(kind)
    before = (project / "config/sources.yaml").read_bytes()
    url = server.url(user="nobody_here") if change == "user" else server.url()
    url = url + "_gone" if change == "database" else url
    done = add(project, "erp", url, "--password-stdin", "--yes", "-v", exit_code=4, stdin="wr0ng-s3cret")
    assert "wr0ng-s3cret" not in done.stdout + done.stderr
    assert (project / "config/sources.yaml").read_bytes() == before
    assert not (project / ".env").exists()


def test_a_dialect_with_driver_is_read_by_sqlalchemy(project, postgresql):
    pytest.importorskip("psycopg")
    done = add(project, "erp", postgresql.url(scheme="postgresql+psycopg"), "--password-stdin", "--yes", stdin=PASSWORD)
    assert done.results[0]["type"] == "sql"
    assert proposed(done) == PROPOSED
    assert run_command("-C", str(project), "extract", "erp").exit_code == 0


def test_a_type_that_is_not_installed_is_named_with_its_package(project):
    done = add(project, "crm", "https://api.example.com/v1", "--yes", exit_code=2)
    assert "ducklake-connector-api" in (done.errors[0]["hint"] or "")
    done = add(project, "files", "sftp://u@h/exports/*.csv", "--yes", exit_code=2)
    assert "ducklake-connector-sftp" in (done.errors[0]["hint"] or "")


def test_without_the_package_the_command_is_named_with_it(tmp_path):
    """As in an environment with core alone: nothing that is installed brings the command."""
    from ducklake.plugins.firstparty import package_of

    assert package_of("command", "add-source") == "ducklake-command-add-source"
    assert package_of("command", "no-such") is None
    script = """
import sys
from ducklake.plugins import manager
manager.installed_plugins = lambda disabled: []
from ducklake.cli.main import main
main(["add-source", "x"])
"""
    import subprocess
    import sys

    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "pip install ducklake-command-add-source" in ran.stderr
