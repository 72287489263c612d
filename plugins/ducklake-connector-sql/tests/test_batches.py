"""Batches are bounded by bytes as well as by rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pytest

from ducklake_connector_sql.batches import Reading, read_batches

TEXT = Reading("v", pa.string(), lambda values: pa.array(values, pa.string()))
MEGABYTE = 2**20


def fetcher(rows: Iterable[tuple[Any, ...]], asked: list[int]) -> Callable[[int], list[tuple[Any, ...]]]:
    left = iter(rows)

    def fetch(number: int) -> list[tuple[Any, ...]]:
        asked.append(number)
        return list(itertools.islice(left, number))

    return fetch


@pytest.mark.parametrize("narrow", [0, 5000], ids=["from-the-start", "after-narrow-ones"])
def test_wide_rows_make_small_batches(narrow: int) -> None:
    asked: list[int] = []
    rows = [("x",)] * narrow + [("y" * MEGABYTE,)] * 100 + [(None,)] * 5
    batches = list(read_batches("s.t", [TEXT], fetcher(rows, asked), 50_000, 8 * MEGABYTE))
    assert sum(batch.num_rows for batch in batches) == len(rows)
    assert pa.Table.from_batches(batches).column("v").to_pylist() == [value for (value,) in rows]
    allowed = 8 if not narrow else 80
    assert max(batch.nbytes for batch in batches) <= allowed * MEGABYTE + MEGABYTE
    assert max(asked) <= 64


def test_narrow_rows_make_batches_of_the_size_that_was_asked_for() -> None:
    batches = list(read_batches("s.t", [TEXT], fetcher([("x",)] * 2500, []), 1000, 8 * MEGABYTE))
    assert [batch.num_rows for batch in batches] == [1000, 1000, 500]


def test_no_rows_make_no_batch() -> None:
    assert list(read_batches("s.t", [TEXT], fetcher([], []), 1000, MEGABYTE)) == []
