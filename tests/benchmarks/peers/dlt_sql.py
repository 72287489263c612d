"""dlt's sql_database source to its filesystem destination: dlt_sql.py BACKEND pg|mysql URL."""

import os
import sys

os.environ["DESTINATION__FILESYSTEM__BUCKET_URL"] = f"{os.environ['BENCH_OUT']}/dlt"
import dlt
from dlt.sources.sql_database import sql_table

backend, db, url = sys.argv[1:4]
options = {"backend_kwargs": {"conn": url}} if backend == "connectorx" else {}
url = url.replace("mysql://", "mysql+pymysql://").replace("postgresql://", "postgresql+psycopg2://")
table = sql_table(credentials=url, table="lineitem", backend=backend, chunk_size=50_000, **options)
pipeline = dlt.pipeline(
    f"bench_{db}_{backend}",
    destination="filesystem",
    dataset_name=f"bench_{db}_{backend}",
    pipelines_dir=f"{os.environ['BENCH_OUT']}/dlt_state",
)
print(pipeline.run(table, loader_file_format="parquet", write_disposition="replace"))
