"""Key-value metadata is added to finished files without touching their data."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ducklake.api import EngineSettings, FileSpec
from ducklake.builtin.duckdb_engine import DuckDBEngine
from ducklake.builtin.footer import add_metadata, read_metadata
from ducklake.errors import DataError


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    with DuckDBEngine().open(EngineSettings()) as session:
        spec = FileSpec(tmp_path, metadata={"first": "1"})
        return session.write("SELECT i, {'a': i, 'b': [i, NULL]} AS nested, 'x' || i AS s FROM range(300_000) t(i)", spec).files[0].path


def test_added_pairs_are_read_back_by_us_and_by_pyarrow(parquet: Path) -> None:
    before = pq.read_table(parquet)
    add_metadata(parquet, {"state": "ñ" * 5000, "first": "2"})
    assert read_metadata(parquet) == {"first": "2", "state": "ñ" * 5000}
    metadata = pq.read_metadata(parquet)
    assert metadata.metadata[b"first"] == b"2"
    assert metadata.num_rows == 300_000
    assert pq.read_table(parquet).equals(before)


def test_pairs_survive_several_additions(parquet: Path) -> None:
    for number in range(20):
        add_metadata(parquet, {f"key{number}": str(number)})
    assert read_metadata(parquet) == {"first": "1", **{f"key{number}": str(number) for number in range(20)}}
    assert pq.read_metadata(parquet).num_rows == 300_000


def test_files_of_another_writer_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "arrow.parquet"
    table = pa.table({f"c{n}": pa.array([1.5, None], pa.float64()) for n in range(40)})
    pq.write_table(table, path)
    add_metadata(path, {"a": "b"})
    assert read_metadata(path)["a"] == "b"
    assert pq.read_table(path).equals(table)


@settings(max_examples=30, deadline=None)
@given(pairs=st.dictionaries(st.text(max_size=20), st.text(max_size=200), max_size=30))
def test_any_text_can_be_kept(tmp_path_factory: pytest.TempPathFactory, pairs: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("f") / "x.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    clean = {key: value for key, value in pairs.items() if not any("\ud800" <= char <= "\udfff" for char in key + value)}
    add_metadata(path, clean)
    assert clean.items() <= read_metadata(path).items()


@pytest.mark.parametrize("keep", [0, 3, 20, -1])
def test_a_torn_file_is_refused(parquet: Path, keep: int) -> None:
    content = parquet.read_bytes()
    parquet.write_bytes(content[:keep])
    with pytest.raises(DataError, match="Parquet"):
        read_metadata(parquet)
    with pytest.raises(DataError, match="Parquet"):
        add_metadata(parquet, {"a": "b"})


def test_a_scrambled_footer_is_refused(parquet: Path) -> None:
    content = bytearray(parquet.read_bytes())
    content[-200:-8] = b"\xff" * 192
    parquet.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read_metadata(parquet)
