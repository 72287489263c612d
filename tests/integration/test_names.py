"""Every name gets a folder of its own, inside its source's folder, and can be read back."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ducklake.api.tables import TableRef
from ducklake.layers.names import decode, encode, file_name, file_number, lock_key, partition, table_folder


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("pedidos", "pedidos"),
        ("ventas.pedidos", "ventas.pedidos"),
        (".hidden", "%2Ehidden"),
        ("..", "%2E."),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("año", "a%C3%B1o"),
        ("a b", "a%20b"),
        ("50%", "50%25"),
        ("nul\0", "nul%00"),
    ],
)
def test_a_name_becomes_a_plain_folder(name: str, folder: str) -> None:
    assert encode(name) == folder
    assert decode(folder) == name


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_name_is_one_path_component_and_comes_back(name: str) -> None:
    folder = encode(name)
    assert "/" not in folder
    assert folder not in {".", ".."}
    assert len(folder) <= 255
    if "%~" not in folder:
        assert decode(folder) == name


@given(st.text("aAbBñÑ.", min_size=1, max_size=4), st.text("aAbBñÑ.", min_size=1, max_size=4))
def test_names_that_differ_by_case_only_get_folders_that_differ_by_more(one: str, other: str) -> None:
    if one != other:
        first = encode(one)
        assert encode(other, [first]).casefold() != first.casefold()


def test_long_names_stay_within_what_file_systems_take_and_stay_apart() -> None:
    one, other = encode("ñ" * 200 + "a"), encode("ñ" * 200 + "b")
    assert len(one) <= 255
    assert one != other
    assert decode(one) is None


def test_a_table_folder_is_below_layer_and_domain() -> None:
    assert table_folder(TableRef("raw", "shop", "a/b")) == "raw/shop/a%2Fb"
    assert table_folder(TableRef("raw", "shop", "Pedidos"), ["raw/shop/pedidos"]) == "raw/shop/%50%65%64%69%64%6F%73"


def test_lock_keys_of_different_tables_differ() -> None:
    assert lock_key(TableRef("raw", "a", "b.c")) == "raw.a.b.c"
    assert lock_key(TableRef("raw", "a", "b/c")) != lock_key(TableRef("raw", "a", "b%2Fc"))


def test_files_of_a_day_are_numbered() -> None:
    assert [file_name(number) for number in (1, 2, 12345)] == ["data.parquet", "data-0002.parquet", "data-12345.parquet"]
    assert [file_number(name) for name in ("data.parquet", "data-0002.parquet", "data-12345.parquet", "other.parquet", "data.csv")] == [
        1,
        2,
        12345,
        0,
        0,
    ]
    assert partition(dt.datetime(2026, 3, 7)) == "year=2026/month=03/day=07"
