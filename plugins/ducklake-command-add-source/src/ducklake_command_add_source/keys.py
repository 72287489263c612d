"""By which column a table's increments could be found, judged by indexes, types and names; no row is looked at."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_CHANGED = re.compile(
    r"updat|modif|(?<!ex)(?<!inter)chang|edited|last_?mod|mtime|rowversion"
    r"|actualiz|(?<!tipo_)(?<!tipo_de_)cambi|atualiz|alterad|mise_a_jour|(?:^|_)maj(?:$|_)|aktualis|geaend|geänd",
    re.IGNORECASE,
)
"""Names of columns that are set anew with every change of their row."""

_MOMENT = re.compile(
    r"_(?:at|on|en|em|am|le|ts|dt)$|(?-i:[a-z](?:At|On|Ts|Dt)$)|time$|(?<!up)date$|^(?:fecha|date|data|datum)_"
    r"|^(?:last_?)?(?:updated?|modified|changed)$",
    re.IGNORECASE,
)
"""Of those names the ones that say when, not who or what: such a column may be a time although it lands as text."""

NEW_ROWS_ONLY = "sees new rows with a higher number, not changes of rows"


def not_indexed(key: str) -> str:
    """The remark on a key without an index.

    Args:
        key: The key column.
    """
    return f"no index begins with {key}: every increment reads the whole table"


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """How a table could be extracted.

    Attributes:
        table: Its name.
        rows: What the source thinks it holds.
        mode: `full`, `incremental`; None leaves it to the connector.
        key: The key column.
        note: What to know about it.
    """

    table: str
    rows: int | None = None
    mode: str | None = None
    key: str | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The shape that `--json` prints."""
        return {"table": self.table, "rows_estimate": self.rows, "mode": self.mode, "key_column": self.key, "note": self.note}


def propose(table: str, rows: int | None, schema: pa.Schema | None, indexed: Mapping[str, bool], change: str | None = None) -> Proposal:
    """The key that fits a table best, or none.

    What the source raises by itself with every change comes first, even without an index: nothing else is as sure. Then a column of the
    name and type of a time of change, if an index begins with it. One without index, or one that is text, is only mentioned: as there is
    such a column rows are changed, which a primary key would not see.

    Args:
        table: Its name.
        rows: What the source thinks it holds.
        schema: Its columns; None where they were not asked for.
        indexed: Of `Session.indexed_columns`.
        change: Of `Session.change_column`.
    """
    import pyarrow as pa

    if change is not None and (schema is None or change in schema.names):
        return Proposal(table, rows, "incremental", change, None if change in indexed else not_indexed(change))

    fields = list(schema) if schema is not None else []
    times = [field.name for field in fields if pa.types.is_timestamp(field.type) and _CHANGED.search(field.name)]
    if found := [name for name in times if name in indexed]:
        return Proposal(table, rows, "incremental", found[0])
    if times:
        return Proposal(table, rows, "full", note=f"an index that begins with {times[0]} would make it a key for increments")
    texts = [
        field.name
        for field in fields
        if (pa.types.is_string(field.type) or pa.types.is_large_string(field.type))
        and _CHANGED.search(field.name)
        and _MOMENT.search(field.name)
    ]
    if texts:
        return Proposal(table, rows, "full", note=f"{texts[0]} lands as text: as key_column it finds changes if its texts sort by time")
    numbers = [field.name for field in fields if pa.types.is_integer(field.type) and indexed.get(field.name)]
    if numbers:
        return Proposal(table, rows, "incremental", numbers[0], NEW_ROWS_ONLY)
    why = "no index" if schema is None else "no index on a time of change, no number as primary key"
    return Proposal(table, rows, "full", note=f"{why}: a new snapshot each time")


def arranged(patterns: Sequence[str], proposals: Sequence[Proposal], *, explicit: bool = False) -> tuple[list[Any], dict[str, str]]:
    """`tables` and `extract` of a source that say what was proposed, in as few words as there are.

    A key that most tables have stands in `extract`; tables that differ are named with their own.

    Args:
        patterns: Names and patterns that were chosen.
        proposals: One a table.
        explicit: Whether settings.yaml has a mode or a key of its own, which would hold for whatever is left out.
    """
    keys = Counter(proposal.key for proposal in proposals if proposal.key)
    common, count = keys.most_common(1)[0] if keys else (None, 0)
    shared = common if count * 2 > len(proposals) else None
    extract: dict[str, str] = {"mode": "incremental", "key_column": shared} if shared else {}
    modes = {proposal.mode for proposal in proposals}
    if modes == {"full"} or (explicit and not shared):
        extract = {"mode": "full"}
    tables: list[Any] = []
    own = {exact(proposal.table): proposal for proposal in proposals if proposal.mode and not _same(proposal, extract)}
    for pattern in patterns:
        tables.append(_entry(own.pop(pattern)) if pattern in own else pattern)
    tables += [_entry(proposal) for proposal in own.values()]
    # The lake takes names before patterns, and of patterns the first that matches: what means one table comes before what means many.
    return sorted(tables, key=lambda item: not (isinstance(item, dict) and is_pattern(item["name"]))), extract


def _same(proposal: Proposal, extract: Mapping[str, str]) -> bool:
    """Whether a table needs no words of its own."""
    if proposal.mode == "full":
        return extract.get("mode", "full") == "full"
    return proposal.key == extract.get("key_column")


def _entry(proposal: Proposal) -> dict[str, Any]:
    settings = {"mode": "incremental", "key_column": proposal.key} if proposal.key else {"mode": "full"}
    return {"name": exact(proposal.table), "extract": settings}


def exact(name: str) -> str:
    """The entry of `tables` that means one table only: a name that looks like a pattern becomes a pattern that matches just that name.

    Args:
        name: What the source offers.
    """
    return re.sub(r"([*?\[])", r"[\1]", name)


def matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """The names that are meant, in their order.

    Args:
        patterns: Names and patterns, as in `tables`.
        names: What the source offers.
    """
    return [
        name
        for name in names
        if any(name == pattern or (is_pattern(pattern) and fnmatch.fnmatchcase(name, pattern)) for pattern in patterns)
    ]


def is_pattern(text: str) -> bool:
    """Whether a text is a pattern and no name.

    Args:
        text: As in `tables`.
    """
    return any(character in text for character in "*?[")
