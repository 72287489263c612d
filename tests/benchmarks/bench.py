#!/usr/bin/env python3
"""Run this project and its peers on the same work, in turns, and print ratios; see docs/explanation/performance.md.

python tests/benchmarks/bench.py setup                       # virtual environments of the peers, below $BENCH_HOME
python tests/benchmarks/bench.py data --sf 1                 # lineitem and orders as Parquet and CSV
python tests/benchmarks/bench.py transform --duplicates 1    # our own project is made where it is missing
python tests/benchmarks/bench.py csv
python tests/benchmarks/bench.py checks                      # no check, two and twelve
python tests/benchmarks/bench.py plan --pipelines 300
python tests/benchmarks/bench.py load pg --url postgresql://...; python tests/benchmarks/bench.py extract pg --url ...
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import projects

HERE = Path(__file__).resolve().parent
HOME = Path(os.environ.get("BENCH_HOME", Path.home() / ".cache" / "ducklake-bench"))
DATA, OUT = HOME / "tpch", HOME / "out"
ENVS = {
    "duckdb": [
        "duckdb==1.5.5",
        "pyarrow",
        "duckdb-extension-tpch==1.5.5",
        "duckdb-extension-postgres-scanner==1.5.5",
        "duckdb-extension-mysql-scanner==1.5.5",
    ],
    "connectorx": ["connectorx", "pyarrow"],
    "dlt": ["dlt[parquet,sql_database,filesystem]", "connectorx", "pandas", "numpy", "psycopg2-binary", "psycopg[binary]", "pymysql"],
    "dbt": ["dbt-core==1.10.*", "dbt-duckdb", "duckdb==1.5.5"],
}
EXTRACT = {
    "duckdb-scan": ("duckdb", "duckdb_scan.py"),
    "connectorx": ("connectorx", "cx.py"),
    "dlt-connectorx": ("dlt", "dlt_sql.py connectorx"),
    "dlt-pyarrow": ("dlt", "dlt_sql.py pyarrow"),
}


def python(env: str) -> Path:
    return HOME / "envs" / env / "bin" / "python"


def setup() -> None:
    for env, packages in ENVS.items():
        subprocess.run(["uv", "venv", "-q", "--clear", str(HOME / "envs" / env)], check=True)
        subprocess.run(["uv", "pip", "install", "-q", "-p", str(python(env)), *packages], check=True)


def load(db: str, url: str) -> None:
    parts = urlsplit(url)
    ddl = (HERE / "tpch.sql").read_text()
    if db == "pg":
        run = ["psql", "-q", "-v", "ON_ERROR_STOP=1", url]
        subprocess.run(run, input=ddl, text=True, check=True)
        for table in ("lineitem", "orders"):
            subprocess.run([*run, "-c", f"\\copy {table} from '{DATA / table}.csv' csv"], check=True)
        subprocess.run([*run, "-c", "vacuum analyze"], check=True)
        return
    run = ["mysql", "--local-infile=1", f"-h{parts.hostname}", f"-P{parts.port or 3306}", f"-u{parts.username}", parts.path.lstrip("/")]
    env = {**os.environ, "MYSQL_PWD": parts.password or ""}
    subprocess.run(run, input=ddl, text=True, check=True, env=env)
    for table in ("lineitem", "orders"):
        sql = f"load data local infile '{DATA / table}.csv' into table {table} fields terminated by ',' optionally enclosed by '\"'"
        subprocess.run([*run, "-e", sql], check=True, env=env)


def tree_rss(pid: int) -> int:
    """Resident bytes of a process and all its descendants now."""
    children: dict[int, list[int]] = {}
    rss: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            rss[int(entry.name)] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    total, waiting = 0, [pid]
    while waiting:
        current = waiting.pop()
        total += rss.get(current, 0)
        waiting += children.get(current, [])
    return total


def timed(command: list[str]) -> tuple[float, float, float]:
    """Run one command; return wall seconds, CPU seconds and peak MB of its process tree (sampled)."""
    env = {
        "BENCH_INPUT": "lineitem",
        **os.environ,
        "BENCH_DATA": str(DATA),
        "BENCH_OUT": str(OUT),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    log = (OUT / "last.log").open("w")
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=env)
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], tree_rss(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    done.set()
    watcher.join()
    if status:
        sys.exit(f"failed: {shlex.join(command)}\n{(OUT / 'last.log').read_text()[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, max(peak[0] / 2**20, usage.ru_maxrss / 1024)


def compare(candidates: dict[str, list[str]], runs: int, rows: int) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    seen: dict[str, list[tuple[float, float, float]]] = {name: [] for name in candidates}
    for _ in range(runs):
        for name, command in candidates.items():
            seen[name].append(timed(command))
    ours = statistics.median(w for w, *_ in seen["ours"]) if "ours" in seen else None
    print(f"{'candidate':16} {'wall s':>8} {'cpu s':>8} {'peak MB':>8} {'k rows/s':>9} {'x ours':>7}")
    for name, results in seen.items():
        wall, cpu, peak = (statistics.median(column) for column in zip(*results, strict=True))
        ratio = f"{wall / ours:7.2f}" if ours else "      -"
        print(f"{name:16} {wall:8.2f} {cpu:8.2f} {peak:8.0f} {rows / wall / 1000:9.0f} {ratio}")


def own(args: argparse.Namespace) -> None:
    """What has no peer: our pipeline with fewer and more checks; the plans of many pipelines."""
    if args.command == "checks":
        found = {name: projects.staging_project(OUT / "lineitem", DATA / "lineitem.csv", name) for name in ("none", "two", "twelve")}
        return compare({"ours": found.pop("none"), **found}, args.runs, args.rows)
    folder = OUT / "lineitem"
    projects.staging_project(folder, DATA / "lineitem.csv", "two")
    config = folder / "config/pipelines.yaml"
    whole = json.loads(config.read_text())
    first = whole["pipelines"][1]
    copies = [
        {**first, "name": f"p{number}", "destination": {**first["destination"], "table": f"t{number}"}} for number in range(args.pipelines)
    ]
    config.write_text(json.dumps({"pipelines": copies}))
    try:
        compare(
            {"ours": projects.ducklake(folder, "validate"), "plan of one": projects.ducklake(folder, "plan", "p0")},
            args.runs,
            args.pipelines,
        )
    finally:
        config.write_text(json.dumps(whole))
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup")
    commands.add_parser("data").add_argument("--sf", type=float, default=1)
    loader = commands.add_parser("load")
    extract = commands.add_parser("extract")
    for sub in (loader, extract):
        sub.add_argument("db", choices=("pg", "mysql"))
        sub.add_argument("--url", required=True)
    transform = commands.add_parser("transform")
    transform.add_argument("--duplicates", type=int, choices=(0, 1, 30), default=0, help="per cent of doubled keys")
    csv = commands.add_parser("csv")
    checks = commands.add_parser("checks")
    many = commands.add_parser("plan")
    many.add_argument("--pipelines", type=int, default=300)
    for sub in (extract, transform, csv, checks, many):
        sub.add_argument("--ours-output", help="glob of the Parquet files that --ours leaves, to compare rows with the peers")
        sub.add_argument("--ours", help="the project's own command, as one shell-quoted string")
        sub.add_argument("--only", help="comma-separated candidates")
        sub.add_argument("--runs", type=int, default=3)
        sub.add_argument("--rows", type=int, default=6_001_215)
    args = parser.parse_args()

    if args.command == "setup":
        return setup()
    if args.command == "data":
        DATA.mkdir(parents=True, exist_ok=True)
        subprocess.run([python("duckdb"), HERE / "peers" / "tpch_data.py", DATA, str(args.sf)], check=True)
        return None
    if args.command == "load":
        return load(args.db, args.url)
    if args.command in ("checks", "plan"):
        return own(args)
    if args.command == "extract":
        args.ours = args.ours or projects.shown(
            projects.database_project(OUT / args.db, {"pg": "postgresql"}.get(args.db, args.db), args.url)
        )
        found = {
            name: [str(python(env)), *shlex.split(f"{HERE / 'peers'}/{script}"), args.db, args.url]
            for name, (env, script) in EXTRACT.items()
        }
    elif args.command == "csv":
        if not args.ours:
            args.ours = projects.shown(projects.csv_project(OUT / "csv", DATA / "lineitem.csv"))
        found = {"duckdb-copy": [str(python("duckdb")), str(HERE / "peers" / "csv_copy.py")]}
    else:
        os.environ["BENCH_INPUT"] = "lineitem" if not args.duplicates else f"lineitem_dup{args.duplicates}"
        name = os.environ["BENCH_INPUT"]
        if not args.ours:
            args.ours = projects.shown(projects.staging_project(OUT / name, DATA / f"{name}.csv", "two"))
            args.ours_output = args.ours_output or projects.staged(OUT / name, "two")
        project = OUT / "dbt"
        shutil.copytree(HERE / "peers" / "dbt", project, dirs_exist_ok=True)
        found = {
            "duckdb-sql": [str(python("duckdb")), str(HERE / "peers" / "transform_sql.py")],
            "dbt-duckdb": [str(python("dbt").parent / "dbt"), "build", "--project-dir", str(project), "--profiles-dir", str(project)],
        }
    if args.only:
        found = {name: found[name] for name in args.only.split(",")}
    if args.ours:
        found = {"ours": shlex.split(args.ours), **found}
    compare(found, args.runs, args.rows)
    outputs = {
        "duckdb-sql": f"{OUT}/transform_sql.parquet",
        "dbt-duckdb": f"{OUT}/dbt.parquet",
        "duckdb-copy": f"{OUT}/csv.parquet",
        "duckdb-scan": f"{OUT}/duckdb_scan.parquet",
        "connectorx": f"{OUT}/connectorx.parquet",
        "ours": args.ours_output,
    }
    sums = {
        name: subprocess.check_output([python("duckdb"), HERE / "peers" / "checksum.py", args.command, outputs[name]], text=True).strip()
        for name in found
        if outputs.get(name)
    }
    for name, total in sums.items():
        print(f"{name:16} {total}")
    if len(set(sums.values())) > 1:
        sys.exit("the outputs differ")
    return None


if __name__ == "__main__":
    main()
