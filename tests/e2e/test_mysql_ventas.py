"""The first thing that a user does: MySQL configured, extracted, run through a pipeline, looked at in the catalog."""

import uuid
from urllib.parse import unquote, urlsplit

import pyarrow.parquet as pq
import pytest

SOURCES = """
sources:
  - name: mysql_ventas
    type: mysql
    enabled: true
    connection:
      host: ${MYSQL_HOST}
      port: 3306
      database: ventas
      user: ${MYSQL_USER}
      password: ${MYSQL_PASSWORD}
    tables:
      - clientes
      - pedidos
      - facturas
    extract:
      mode: incremental
      key_column: updated_at
      batch_size: 10000

  - name: sftp_reportes
    type: sftp
    enabled: true
    connection:
      host: sftp.cliente.com
      port: 22
      user: ${SFTP_USER}
      password: ${SFTP_PASSWORD}
    path: /exports/*.csv
    extract:
      mode: full
      schedule: "0 2 * * *"  # Cron expression
"""

PIPELINES = """
pipelines:
  - name: ventas_staging
    description: "Pipeline de ventas raw a staging"
    source:
      layer: raw
      domain: mysql_ventas
      table: clientes
    destination:
      layer: staging
      domain: ventas
      table: clientes
    transforms:
      - type: rename
        columns:
          cli_id: cliente_id
          cli_nom: nombre
          cli_email: email
      - type: cast
        columns:
          fecha_alta: date
          activo: boolean
      - type: filter
        condition: "estado != 'DELETED'"
      - type: deduplicate
        keys: [cliente_id]
    quality_checks:
      - type: not_null
        columns: [cliente_id, nombre]
      - type: unique
        columns: [cliente_id]
      - type: valid_values
        column: estado
        values: [ACTIVO, INACTIVO, PENDIENTE]
"""

CONSUME = """
  - name: clientes_por_estado
    source: {layer: staging, domain: ventas, table: clientes}
    destination: {layer: consume, use_case: bi, table: clientes_por_estado}
    transforms:
      - {type: sql, query: "SELECT estado, count(*) AS clientes FROM input GROUP BY estado"}
"""

TABLES = (
    (
        "CREATE TABLE clientes (cli_id INT AUTO_INCREMENT PRIMARY KEY, cli_nom VARCHAR(80) NOT NULL, cli_email VARCHAR(120),"
        " fecha_alta DATE, activo TINYINT(1), estado ENUM('ACTIVO','INACTIVO','PENDIENTE','DELETED'),"
        " updated_at TIMESTAMP(6) NOT NULL DEFAULT NOW(6) ON UPDATE NOW(6), KEY (updated_at)) CHARACTER SET utf8mb4"
    ),
    (
        "CREATE TABLE pedidos (pedido_id BIGINT UNSIGNED PRIMARY KEY, cliente_id INT, importe DECIMAL(12,2), notas TEXT,"
        " updated_at DATETIME NOT NULL DEFAULT NOW(), KEY (updated_at)) CHARACTER SET utf8mb4"
    ),
    (
        "CREATE TABLE facturas (factura_id INT PRIMARY KEY, pedido_id BIGINT UNSIGNED, total DECIMAL(12,2), pdf LONGBLOB,"
        " updated_at DATETIME(3) NULL DEFAULT NOW(3)) CHARACTER SET utf8mb4"
    ),
    (
        "INSERT INTO clientes (cli_nom, cli_email, fecha_alta, activo, estado) VALUES"
        " ('Ana', 'ana@example.com', '2024-02-29', 1, 'ACTIVO'),"
        " ('Íñigo \"el largo\"', NULL, NULL, 0, 'PENDIENTE'), ('Baja', NULL, '2023-01-01', 0, 'DELETED')"
    ),
    "INSERT INTO pedidos (pedido_id, cliente_id, importe, notas) VALUES (18446744073709551615, 1, 0.10, 'dos\nlíneas'), (2, 2, NULL, '')",
    "INSERT INTO facturas (factura_id, pedido_id, total, pdf) VALUES (1, 2, 9999999999.99, x'00ff'), (2, 2, -1, NULL)",
    "UPDATE facturas SET updated_at = NULL WHERE factura_id = 2",
)
PRIVATE = ("_ingestion_timestamp", "_source_name", "_extraction_id")


@pytest.fixture
def shop(mysql_url):
    """The shop's database: its name, the variables that lead to it, and a function that runs statements in it."""
    pymysql = pytest.importorskip("pymysql", reason="needs the driver: pip install pymysql")
    url, name = urlsplit(mysql_url), f"ducklake_test_{uuid.uuid4().hex[:12]}"
    login = {"host": url.hostname, "port": url.port or 3306, "user": unquote(url.username), "password": unquote(url.password or "")}

    def execute(*statements, database=name):
        with pymysql.connect(**login, database=database, charset="utf8mb4", autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    execute(f"CREATE DATABASE {name}", database=None)
    try:
        execute(*TABLES)
        yield name, {f"MYSQL_{word.upper()}": str(login[word]) for word in ("host", "port", "user", "password")}, execute
    finally:
        execute(f"DROP DATABASE {name}", database=None)


def test_from_mysql_to_staging_and_consume(shop, lake_project):
    database, variables, execute = shop
    sources = SOURCES.replace("port: 3306", f"port: {variables['MYSQL_PORT']}").replace("database: ventas", f"database: {database}")
    lake = lake_project({"config/sources.yaml": sources, "config/pipelines.yaml": PIPELINES + CONSUME})

    # Only what the command needs is asked for: no variable and no connector of the other source.
    extracted = lake.ok("extract", "mysql_ventas", "--json", env=variables)
    assert {result["table"]: (result["status"], result["rows"]) for result in extracted.results} == {
        "clientes": ("success", 3),
        "pedidos": ("success", 2),
        "facturas": ("success", 2),
    }
    files = lake.files("data/raw/**/*.parquet")
    assert [name.split("/")[:4] for name in files] == [
        ["data", "raw", "mysql_ventas", table] for table in ("clientes", "facturas", "pedidos")
    ]
    assert all("/year=" in name and name.endswith("/data.parquet") for name in files)
    landed = pq.ParquetFile(lake.path / files[0])
    assert landed.metadata.row_group(0).column(0).compression == "SNAPPY"
    assert landed.schema_arrow.names == ["cli_id", "cli_nom", "cli_email", "fecha_alta", "activo", "estado", "updated_at", *PRIVATE]

    lake.ok("run", "ventas_staging", "clientes_por_estado", env=variables)
    staging = pq.ParquetFile(lake.path / "data/staging/ventas/clientes/data.parquet").read()
    assert [
        (row["cliente_id"], row["nombre"], row["activo"]) for row in sorted(staging.to_pylist(), key=lambda row: row["cliente_id"])
    ] == [
        (1, "Ana", True),
        (2, 'Íñigo "el largo"', False),
    ]
    assert lake.query("SELECT * FROM consume.bi.clientes_por_estado ORDER BY estado") == [["ACTIVO", 1], ["PENDIENTE", 1]]
    assert lake.query("SELECT pedido_id, importe, notas FROM raw.mysql_ventas.pedidos ORDER BY pedido_id") == [
        [2, None, ""],
        ["18446744073709551615", "0.10", "dos\nlíneas"],
    ]

    # The next day: what is new or changed, and nothing twice.
    execute("UPDATE clientes SET cli_nom = 'Ana María' WHERE cli_id = 1", "INSERT INTO facturas (factura_id, total) VALUES (3, 0.01)")
    again = lake.ok("extract", "mysql_ventas", "--json", env=variables)
    assert {result["table"]: (result["status"], result["rows"]) for result in again.results} == {
        "clientes": ("success", 1),
        "pedidos": ("empty", 0),
        "facturas": ("success", 1),
    }
    lake.ok("run", "ventas_staging", env=variables)
    assert lake.query("SELECT cliente_id, nombre FROM staging.ventas.clientes ORDER BY cliente_id") == [
        [1, "Ana María"],
        [2, 'Íñigo "el largo"'],
    ]
    assert lake.query("SELECT count(*), count(DISTINCT factura_id) FROM raw.mysql_ventas.facturas") == [[3, 3]]

    listed = lake.ok("catalog").stdout
    assert all(name in listed for name in ("clientes", "pedidos", "facturas", "clientes_por_estado"))
    assert len(lake.ok("catalog", "extractions", "--json").results) == 6
