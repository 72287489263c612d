"""The catalog's answers about one table after the other are those of this moment, whoever has written meanwhile."""

from __future__ import annotations

import dataclasses

import pytest

from ducklake.api.tables import Column, Schema, TableRef
from ducklake.catalog.commits import commit_extraction, record_empty_extraction
from ducklake.catalog.records import ExtractionRecord, FileRecord
from ducklake.catalog.store import Catalog

RECORD = ExtractionRecord(
    "e1",
    "s",
    "a",
    "raw/s/a",
    "2026-01-01T10:00:00+00:00",
    "incremental",
    1,
    (),
    Schema((Column("id", "BIGINT"),)),
    None,
    {"at": 1},
    (),
    0.1,
)
NAMES = ("a", "b", "c", "d")


def ref(table: str) -> TableRef:
    return TableRef("raw", "s", table)


def land(catalog: Catalog, table: str, owner: str, *, only: bool) -> None:
    file = FileRecord(f"raw/s/{table}/{owner}.parquet", 3, 100, "0" * 64, 1)
    record = dataclasses.replace(RECORD, table=table, extraction_id=owner, folder=f"raw/s/{table}", files=(file,))
    with catalog.write(record.ref if only else None) as connection:
        commit_extraction(connection, record)


@pytest.fixture
def catalog(tmp_path):
    (tmp_path / ".ducklake").mkdir()
    made = Catalog(tmp_path, tmp_path / ".ducklake")
    for name in NAMES:
        land(made, name, f"{name}1", only=False)
    return made


@pytest.fixture
def openings(catalog, monkeypatch):
    """How often the file has been opened since."""
    counted = []
    opened = catalog._open

    def counting(*args, **kwargs):
        counted.append(args)
        return opened(*args, **kwargs)

    monkeypatch.setattr(catalog, "_open", counting)
    return counted


def files(catalog: Catalog, table: str) -> list[str]:
    state, _ = catalog.table(ref(table))
    return sorted(file.path.rpartition("/")[2] for file in state.files)


def test_a_command_that_is_alone_asks_for_a_domain_once(catalog, openings):
    for name in NAMES:
        assert files(catalog, name) == [f"{name}1.parquet"]
        assert catalog.table(ref(name))[1] == [f"raw/s/{other}" for other in NAMES if other != name]
        assert len(openings) <= 2
    land(catalog, "a", "a2", only=True)
    before = len(openings)
    assert files(catalog, "b") == ["b1.parquet"]
    assert len(openings) == before


def test_its_own_changes_are_seen(catalog):
    assert [files(catalog, name) for name in NAMES] == [[f"{name}1.parquet"] for name in NAMES]
    land(catalog, "a", "a2", only=True)
    land(catalog, "new", "n1", only=True)
    with catalog.write(ref("b")) as connection:
        record_empty_extraction(connection, dataclasses.replace(RECORD, table="b", state={"at": 2}))
    assert files(catalog, "a") == ["a1.parquet", "a2.parquet"]
    assert catalog.table(ref("b"))[0].state == {"at": 2}
    state, others = catalog.table(ref("absent"))
    assert state is None
    assert sorted(others) == sorted(f"raw/s/{name}" for name in (*NAMES, "new"))
    land(catalog, "c", "c2", only=False)
    assert files(catalog, "c") == ["c1.parquet", "c2.parquet"]


def test_the_changes_of_others_are_seen(catalog, tmp_path):
    assert [files(catalog, name) for name in NAMES] == [[f"{name}1.parquet"] for name in NAMES]
    other = Catalog(tmp_path, tmp_path / ".ducklake")
    land(other, "b", "b2", only=True)
    assert files(catalog, "b") == ["b1.parquet", "b2.parquet"]
    assert files(catalog, "c") == ["c1.parquet"]
    land(other, "c", "c2", only=True)
    land(catalog, "a", "a2", only=True)  # its own write does not hide what came before it
    assert [files(catalog, name) for name in ("a", "b", "c")] == [
        ["a1.parquet", "a2.parquet"],
        ["b1.parquet", "b2.parquet"],
        ["c1.parquet", "c2.parquet"],
    ]


def test_a_change_that_fails_is_not_taken_for_known(catalog):
    assert [files(catalog, name) for name in NAMES] == [[f"{name}1.parquet"] for name in NAMES]

    def fail() -> None:
        with catalog.write(ref("a")) as connection:
            commit_extraction(connection, RECORD)
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        fail()
    assert files(catalog, "a") == ["a1.parquet"]
    assert files(catalog, "b") == ["b1.parquet"]
