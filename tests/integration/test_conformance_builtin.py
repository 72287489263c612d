"""The built-in engine and storage format keep what is asked of those of plugins."""

from ducklake.builtin.duckdb_engine import DuckDBEngine
from ducklake.builtin.parquet import ParquetWriter
from ducklake.testing import EngineCase, EngineTests, WriterCase, WriterTests


class TestDuckDB(EngineTests):
    case = EngineCase(DuckDBEngine)


class TestParquet(WriterTests):
    case = WriterCase(ParquetWriter)
