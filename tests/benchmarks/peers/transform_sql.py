"""Rename, cast, filter, deduplicate lineitem as one hand-written DuckDB statement."""

import os

import duckdb

data, out = os.environ["BENCH_DATA"], os.environ["BENCH_OUT"]
con = duckdb.connect()
con.execute(f"set memory_limit='4GB'; set temp_directory='{out}/spill'; set preserve_insertion_order=false")
print(
    con.execute(f"""
    copy (
      with base as (select * rename (l_orderkey as order_id, l_linenumber as line_no, l_extendedprice as price),
                           now() as _ingestion_timestamp from read_parquet('{data}/{os.environ["BENCH_INPUT"]}.parquet')),
           typed as (select * replace (l_shipdate::timestamp as l_shipdate, price::double as price) from base)
      select * from typed where l_returnflag <> 'R'
      qualify row_number() over (partition by order_id, line_no order by _ingestion_timestamp desc) = 1
    ) to '{out}/transform_sql.parquet' (compression snappy)""").fetchone()
)
