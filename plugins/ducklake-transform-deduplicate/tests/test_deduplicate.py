import random

import pytest
from pydantic import ValidationError

from ducklake.api import OptionError, UnknownColumn
from ducklake.testing.steps import run_transform
from ducklake_transform_deduplicate.transform import Deduplicate, DeduplicateOptions

ROWS = [
    (1, "a", "2024-01-01"),
    (1, "b", "2024-01-03"),
    (1, "c", "2024-01-02"),
    (2, "d", "2024-01-01"),
    (None, "e", "2024-01-01"),
    (None, "f", "2024-01-02"),
]


def select(rows, names="id, v, _ingestion_timestamp"):
    def text(value):
        return "NULL" if value is None else repr(value)

    return f"SELECT * FROM (VALUES {', '.join('(' + ', '.join(map(text, row)) + ')' for row in rows)}) t({names})"


def first(**options):
    return Deduplicate(DeduplicateOptions(**options))


def values(result):
    return sorted(row[1] for row in result.rows)


def test_the_row_that_landed_last_stays(engine_session):
    result = run_transform(engine_session, first(keys=["id"]), select(ROWS))
    assert values(result) == ["b", "d", "f"]
    assert result.schema.names == ("id", "v", "_ingestion_timestamp")


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("v", ["a", "d", "e"]),
        (["v desc"], ["c", "d", "f"]),
        (["_ingestion_timestamp ASC", "v"], ["a", "d", "e"]),
        (["V  DESC"], ["c", "d", "f"]),
    ],
)
def test_order_by_says_which_row_stays(engine_session, order_by, expected):
    assert values(run_transform(engine_session, first(keys=["id"], order_by=order_by), select(ROWS))) == expected


def test_a_column_may_be_called_like_a_direction(engine_session):
    rows = select([(1, "a"), (1, "b")], 'id, "v desc"')
    assert values(run_transform(engine_session, first(keys=["id"], order_by=["v desc"]), rows)) == ["a"]


def test_null_dates_lose_against_real_ones(engine_session):
    rows = select([(1, "a", None), (1, "b", "2024-01-01")])
    assert values(run_transform(engine_session, first(keys=["id"]), rows)) == ["b"]


def test_ties_are_decided_by_the_other_columns_whatever_the_order_of_the_rows(engine_session):
    rows = [(key, other, "2024-01-01") for key in range(20) for other in "cabd"]
    expected = None
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        result = sorted(run_transform(engine_session, first(keys=["id"]), select(rows)).rows)
        expected = expected or result
        assert result == expected
    assert len(result) == 20


def test_rows_that_are_alike_in_everything_become_one(engine_session):
    assert run_transform(engine_session, first(keys=["id", "v"]), select([(1, "a")] * 3, "id, v")).rows == [(1, "a")]


def test_columns_of_every_shape_can_decide(engine_session):
    rows = "SELECT 1 AS id, MAP {'a': 1} AS m, [1, 2] AS l, {'x': 1} AS s, 'b'::BLOB AS b, 1.5::DOUBLE AS d FROM range(2)"
    assert len(run_transform(engine_session, first(keys=["id"]), rows).rows) == 1


def test_all_columns_as_keys_need_no_order(engine_session):
    assert len(run_transform(engine_session, first(keys=["id", "v"]), select([(1, "a"), (1, "a"), (1, "b")], "id, v")).rows) == 2


def test_columns_that_are_not_there_are_named(engine_session):
    for options in ({"keys": ["idd"]}, {"keys": ["id"], "order_by": ["vv desc"]}):
        with pytest.raises(UnknownColumn, match=r"no column '(idd|vv)'"):
            run_transform(engine_session, first(**options), select(ROWS))


def test_a_column_twice_in_order_by_is_refused(engine_session):
    with pytest.raises(OptionError, match="twice"):
        run_transform(engine_session, first(keys=["id"], order_by=["v", "V desc"]), select(ROWS))


def test_keys_are_needed():
    with pytest.raises(ValidationError):
        DeduplicateOptions(keys=[])
