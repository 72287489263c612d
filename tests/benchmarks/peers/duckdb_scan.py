"""DuckDB's own database scanner to Parquet: duckdb_scan.py pg|mysql URL."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

db, url = sys.argv[1], urlsplit(sys.argv[2])
name = {"pg": "postgres_scanner", "mysql": "mysql_scanner"}[db]
extension = next(Path(find_spec(f"duckdb_extension_{name}").submodule_search_locations[0]).rglob("*.duckdb_extension"))
database = {"pg": "dbname", "mysql": "database"}[db]
con = duckdb.connect()
con.execute(f"load '{extension}'")
con.execute(
    f"attach 'host={url.hostname} port={url.port} user={url.username} password={url.password} "
    f"{database}={url.path.lstrip('/')}' as src (type {'postgres' if db == 'pg' else 'mysql'}, read_only)"
)
out = f"{os.environ['BENCH_OUT']}/duckdb_scan.parquet"
print(con.execute(f"copy (select * from src.lineitem) to '{out}' (compression snappy)").fetchone())
