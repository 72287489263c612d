"""From MySQL or MariaDB to tables for a dashboard: extracted in increments, cleaned, checked, summed up.

Runs against the server of DUCKLAKE_TEST_MYSQL_URL (mysql://USER:PASSWORD@HOST:PORT/DATABASE) in a database of its own, which it
drops at the end; without that variable it starts a private MariaDB, if one is installed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pymysql

from ducklake import Lake
from ducklake.testing.servers import ServerMissing, mariadb

DATABASE = f"ventas_ejemplo_{os.getpid()}"

SOURCES = """
sources:
  - name: mysql_ventas
    type: mysql
    enabled: true
    connection:
      host: ${MYSQL_HOST}
      port: ${MYSQL_PORT}
      database: ${MYSQL_DATABASE}
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
"""

PIPELINES = """
pipelines:
  - name: ventas_staging
    description: "Pipeline de ventas raw a staging"
    source: {layer: raw, domain: mysql_ventas, table: clientes}
    destination: {layer: staging, domain: ventas, table: clientes}
    transforms:
      - type: rename
        columns: {cli_id: cliente_id, cli_nom: nombre, cli_email: email}
      - type: cast
        columns: {fecha_alta: date, activo: boolean}
      - type: filter
        condition: "estado != 'DELETED'"
      - type: deduplicate
        keys: [cliente_id]
    quality_checks:
      - {type: not_null, columns: [cliente_id, nombre]}
      - {type: unique, columns: [cliente_id]}
      - {type: valid_values, column: estado, values: [ACTIVO, INACTIVO, PENDIENTE]}

  - name: facturas_staging
    source: {layer: raw, domain: mysql_ventas, table: facturas}
    destination: {layer: staging, domain: ventas, table: facturas}
    transforms:
      - {type: deduplicate, keys: [factura_id]}

  - name: ventas_por_cliente
    sources:
      - {layer: staging, domain: ventas, table: clientes, as: clientes}
      - {layer: staging, domain: ventas, table: facturas, as: facturas}
    destination: {layer: consume, use_case: bi, table: ventas_por_cliente}
    transforms:
      - type: sql
        query: >
          SELECT c.nombre, count(*) AS facturas, sum(f.total) AS total
          FROM clientes c JOIN facturas f USING (cliente_id) GROUP BY c.nombre
"""

SHOP = (
    f"CREATE DATABASE {DATABASE}",
    f"USE {DATABASE}",
    """CREATE TABLE clientes (cli_id INT PRIMARY KEY, cli_nom VARCHAR(80), cli_email VARCHAR(120), fecha_alta VARCHAR(10),
                              activo TINYINT(1), estado VARCHAR(10), updated_at TIMESTAMP(6) NOT NULL DEFAULT NOW(6), KEY (updated_at))""",
    """CREATE TABLE pedidos (pedido_id INT PRIMARY KEY, cliente_id INT,
                             updated_at TIMESTAMP(6) NOT NULL DEFAULT NOW(6), KEY (updated_at))""",
    """CREATE TABLE facturas (factura_id INT PRIMARY KEY, cliente_id INT, total DECIMAL(12,2),
                              updated_at TIMESTAMP(6) NOT NULL DEFAULT NOW(6), KEY (updated_at))""",
    """INSERT INTO clientes (cli_id, cli_nom, cli_email, fecha_alta, activo, estado) VALUES
         (1, 'Ana', 'ana@example.com', '2024-01-31', 1, 'ACTIVO'), (2, 'Íñigo', NULL, '2024-02-29', 0, 'PENDIENTE'),
         (3, 'Baja', NULL, '2023-01-01', 0, 'DELETED')""",
    "INSERT INTO pedidos (pedido_id, cliente_id) VALUES (1, 1), (2, 1), (3, 2)",
    "INSERT INTO facturas (factura_id, cliente_id, total) VALUES (1, 1, 10.10), (2, 1, 0.20), (3, 2, 5.00)",
)
NEXT_DAY = (
    f"USE {DATABASE}",
    "UPDATE clientes SET cli_nom = 'Ana María', updated_at = NOW(6) WHERE cli_id = 1",
    "INSERT INTO facturas (factura_id, cliente_id, total) VALUES (4, 2, 100.00)",
)


def execute(*statements: str) -> None:
    """Run statements on the server.

    Args:
        *statements: SQL.
    """
    connection = pymysql.connect(
        host=os.environ["MYSQL_HOST"],
        port=int(os.environ["MYSQL_PORT"]),
        user=os.environ["MYSQL_USER"],
        password=os.environ["MYSQL_PASSWORD"],
        charset="utf8mb4",
        autocommit=True,
    )
    with connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def extract_and_run(lake: Lake) -> None:
    """Land what is new, make the tables that depend on it, and print both.

    Args:
        lake: The lake.
    """
    for table in lake.extract("mysql_ventas").results:
        print(f"raw.{table.source}.{table.table}: {table.status}, {table.rows} rows")
    ran = lake.run(all=True)
    assert ran.ok, "a pipeline failed"
    for row in lake.query("SELECT nombre, facturas, total FROM consume.bi.ventas_por_cliente ORDER BY nombre").rows:
        print(*row)


def main(project: Path) -> None:
    """Build the lake in a folder, change the source, and go on.

    Args:
        project: An empty folder.
    """
    (project / "config").mkdir()
    (project / "config/sources.yaml").write_text(SOURCES, encoding="utf-8")
    (project / "config/pipelines.yaml").write_text(PIPELINES, encoding="utf-8")
    execute(*SHOP)
    try:
        lake = Lake(project)
        extract_and_run(lake)
        execute(*NEXT_DAY)
        extract_and_run(lake)
    finally:
        execute(f"DROP DATABASE {DATABASE}")


if __name__ == "__main__":
    try:
        with mariadb() as address, tempfile.TemporaryDirectory() as folder:
            url = urlsplit(address)
            os.environ.update(
                MYSQL_HOST=url.hostname or "localhost",
                MYSQL_PORT=str(url.port or 3306),
                MYSQL_USER=unquote(url.username or ""),
                MYSQL_PASSWORD=unquote(url.password or ""),
                MYSQL_DATABASE=DATABASE,
            )
            main(Path(folder))
    except ServerMissing as missing:
        sys.exit(str(missing))
