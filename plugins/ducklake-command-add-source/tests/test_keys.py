"""Which key is proposed, by what a source says of its columns."""

import pyarrow as pa
import pytest

from ducklake_command_add_source.keys import Proposal, arranged, exact, matching, propose

MOMENT = pa.timestamp("us")
COLUMNS = {"id": pa.int64(), "version": pa.uint64(), "updated_at": MOMENT, "texto": pa.string()}
INDEXED = {"id": True, "updated_at": False}


def proposed(columns, indexed, change=None):
    found = propose("t", 5, pa.schema(columns), indexed, change)
    return found.mode, found.key, found.note


def test_what_the_source_itself_raises_with_every_change_comes_first():
    assert proposed(COLUMNS, {**INDEXED, "version": False}, "version") == ("incremental", "version", None)
    assert proposed(COLUMNS, INDEXED) == ("incremental", "updated_at", None)


def test_it_needs_no_index_but_a_remark():
    assert proposed(COLUMNS, INDEXED, "version") == (
        "incremental",
        "version",
        "no index begins with version: every increment reads the whole table",
    )


def test_what_a_source_names_that_is_no_column_is_passed_over():
    assert proposed(COLUMNS, INDEXED, "gone") == ("incremental", "updated_at", None)


@pytest.mark.parametrize("name", ["updated_at", "UpdatedAt", "ModifiedOn", "last_modified", "modified_date", "fecha_modificacion", "mtime"])
@pytest.mark.parametrize("indexed", [INDEXED, {"id": True}], ids=["indexed", "not_indexed"])
def test_a_time_of_change_that_lands_as_text_speaks_against_a_number(name, indexed):
    mode, key, note = proposed({"id": pa.int64(), name: pa.string()}, indexed)
    assert (mode, key) == ("full", None)
    assert name in note


@pytest.mark.parametrize("name", ["updated_by", "UpdatedBy", "change_reason", "modified_user", "exchange_rate", "cambios", "texto"])
def test_other_texts_do_not(name):
    assert proposed({"id": pa.int64(), name: pa.string()}, INDEXED)[:2] == ("incremental", "id")


NAMES = ["keyed?", "keyed1", "odd [name]", "odd n", "a*b", "axb", "[", "]", "a]b", "[!a]"]


@pytest.mark.parametrize("name", NAMES)
def test_the_entry_of_a_table_means_no_other(name):
    assert matching([exact(name)], NAMES) == [name]


def test_what_means_one_table_comes_before_the_patterns_that_match_it_too():
    proposals = [Proposal("keyed?", mode="full"), *(Proposal(f"keyed{at}", mode="incremental", key="id") for at in range(3))]
    assert arranged(["*"], proposals) == (
        [{"name": "keyed[?]", "extract": {"mode": "full"}}, "*"],
        {"mode": "incremental", "key_column": "id"},
    )
