"""Projects of our own for the benchmarks, made where they are missing."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

TYPES = {
    "l_orderkey": "BIGINT",
    "l_partkey": "BIGINT",
    "l_suppkey": "BIGINT",
    "l_linenumber": "INTEGER",
    "l_quantity": "DECIMAL(15,2)",
    "l_extendedprice": "DECIMAL(15,2)",
    "l_discount": "DECIMAL(15,2)",
    "l_tax": "DECIMAL(15,2)",
    "l_returnflag": "VARCHAR",
    "l_linestatus": "VARCHAR",
    "l_shipdate": "DATE",
    "l_commitdate": "DATE",
    "l_receiptdate": "DATE",
    "l_shipinstruct": "VARCHAR",
    "l_shipmode": "VARCHAR",
    "l_comment": "VARCHAR",
}
CHECKS = [
    {"type": "not_null", "columns": ["order_id"]},
    {"type": "valid_values", "column": "l_returnflag", "values": ["A", "N"]},
]
MORE_CHECKS = [
    {"type": "not_null", "columns": ["line_no", "price"]},
    {"type": "not_null", "columns": ["l_comment"]},
    {"type": "valid_values", "column": "l_linestatus", "values": ["O", "F"]},
    {"type": "valid_values", "column": "l_shipmode", "values": ["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"]},
    {"type": "range", "column": "price", "min": 0},
    {"type": "range", "column": "l_quantity", "min": 1, "max": 50},
    {"type": "range", "column": "l_discount", "min": 0, "max": 1},
    {"type": "range", "column": "l_tax", "min": 0, "max": 1},
    {"type": "range", "column": "l_shipdate", "min": "1990-01-01", "max": "2000-01-01"},
    {"type": "range", "column": "l_receiptdate", "min": "1990-01-01"},
]
CHECKED = {"none": [], "two": CHECKS, "twelve": [*CHECKS, *MORE_CHECKS]}


def ducklake(folder: Path, *arguments: str) -> list[str]:
    """The command of this Python's environment, in a project."""
    return [str(Path(sys.executable).with_name("ducklake")), "-C", str(folder), *arguments]


def csv_project(folder: Path, file: Path, engine: dict[str, object] | None = None) -> list[str]:
    """lineitem as a CSV with declared types; returns the command that lands it."""
    layout = {"header": False, "names": list(TYPES), "types": TYPES}
    source = {"name": "tpch", "type": "csv", "path": str(file), "table": "lineitem", "format": layout}
    pipelines = [_pipeline(name, checks) for name, checks in CHECKED.items()]
    _write(folder, sources=[source], pipelines=pipelines, settings={"engine": engine or {}})
    return ducklake(folder, "extract", "tpch", "--full", "-q")


def staging_project(folder: Path, file: Path, checks: str) -> list[str]:
    """As `csv_project`, landed; returns the command that runs the pipeline over it."""
    landing = csv_project(folder, file)
    if not any((folder / "data/raw").rglob("*.parquet")):
        subprocess.run(landing, check=True)
    return ducklake(folder, "run", f"lineitem_{checks}", "--full-refresh", "-q")


def staged(folder: Path, checks: str) -> str:
    """Where the staged table lies."""
    return f"{folder}/data/staging/{checks}/lineitem/*.parquet"


def database_project(folder: Path, kind: str, url: str) -> list[str]:
    """lineitem in a database; returns the command that lands it."""
    parts = urlsplit(url)
    connection = {"host": parts.hostname, "database": parts.path.lstrip("/"), "user": parts.username, "password": "${BENCH_PASSWORD}"}
    os.environ["BENCH_PASSWORD"] = parts.password or ""
    connection |= {"port": parts.port} if parts.port else {}
    _write(folder, sources=[{"name": "tpch", "type": kind, "connection": connection, "tables": ["lineitem"]}], pipelines=[], settings={})
    return ducklake(folder, "extract", "tpch", "--full", "-q")


def shown(command: list[str]) -> str:
    """The command as somebody would type it."""
    return shlex.join(command)


def _pipeline(name: str, checks: list[dict[str, object]]) -> dict[str, object]:
    return {
        "name": f"lineitem_{name}",
        "source": {"layer": "raw", "domain": "tpch", "table": "lineitem"},
        "destination": {"layer": "staging", "domain": name, "table": "lineitem"},
        "transforms": [
            {"type": "rename", "columns": {"l_orderkey": "order_id", "l_linenumber": "line_no", "l_extendedprice": "price"}},
            {"type": "cast", "columns": {"l_shipdate": "timestamp", "price": "double"}},
            {"type": "filter", "condition": "l_returnflag <> 'R'"},
            {"type": "deduplicate", "keys": ["order_id", "line_no"]},
        ],
        "quality_checks": checks,
    }


def _write(folder: Path, sources: list[object], pipelines: list[object], settings: dict[str, object]) -> None:
    (folder / "config").mkdir(parents=True, exist_ok=True)
    for name, content in (("sources", {"sources": sources}), ("pipelines", {"pipelines": pipelines}), ("settings", settings)):
        (folder / f"config/{name}.yaml").write_text(json.dumps(content, indent=2))
