"""From CSV files to a table for a dashboard, with the Python API."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ducklake import Lake

SOURCES = """
sources:
  - name: cajas
    type: csv
    path: "drops/*.csv"
    format:
      delimiter: ";"
      types: {importe: "DECIMAL(12,2)"}
"""

PIPELINES = """
pipelines:
  - name: tickets_staging
    source: {layer: raw, domain: cajas, table: cajas}
    destination: {layer: staging, domain: ventas, table: tickets}
    transforms:
      - {type: filter, condition: "importe IS NOT NULL"}
      - {type: deduplicate, keys: [ticket]}
    quality_checks:
      - {type: unique, columns: [ticket]}
      - {type: range, column: importe, min: 0}

  - name: ventas_por_tienda
    source: {layer: staging, domain: ventas, table: tickets}
    destination: {layer: consume, use_case: bi, table: ventas_por_tienda}
    transforms:
      - type: sql
        query: SELECT tienda, count(*) AS tickets, sum(importe) AS total FROM input GROUP BY tienda
"""

MONDAY = """ticket;tienda;importe
1;Centro;10.50
2;Norte;3.25
2;Norte;3.25
3;Centro;
"""

TUESDAY = """ticket;tienda;importe
4;Centro;7.00
5;Norte;12.75
"""


def main(project: Path) -> None:
    """Build the lake in a folder and show what comes out.

    Args:
        project: An empty folder.
    """
    files = {
        "config/sources.yaml": SOURCES,
        "config/pipelines.yaml": PIPELINES,
        "drops/lunes.csv": MONDAY,
        "drops/martes.csv": TUESDAY,
    }
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    lake = Lake(project)
    extracted = lake.extract("cajas")
    for table in extracted.results:
        print(f"raw.{table.source}.{table.table}: {table.rows} rows in {', '.join(table.files)}")

    ran = lake.run(all=True)
    for table in ran.results:
        checks = ", ".join(f"{check.type} {'passed' if check.passed else 'failed'}" for check in table.checks) or "no checks"
        print(f"{table.table}: {table.status}, {table.rows} rows, {checks}")
    assert ran.ok, "a pipeline failed"

    for row in lake.query("SELECT tienda, tickets, total FROM consume.bi.ventas_por_tienda ORDER BY tienda").rows:
        print(*row)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
