"""Print rows and a checksum of an output: checksum.py transform|extract|csv GLOB."""

import sys

import duckdb

what, files = sys.argv[1:3]
columns = (
    "order_id, line_no, price, l_shipdate, l_comment"
    if what == "transform"
    else "l_orderkey::bigint, l_linenumber::int, l_extendedprice::decimal(15,2), l_shipdate::date, l_comment"
)
((rows, total),) = duckdb.sql(f"""
    select count(*), sum(hash({columns})::hugeint)
    from read_parquet('{files}', hive_partitioning = false)""").fetchall()
print(f"rows {rows} checksum {total}")
