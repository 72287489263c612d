"""Types for columns that nobody declared: only where every value of every file reads back as the same text.

A sample says what is likely. While the rows are written each value is checked against it (`relation.typed`), so that
mostly one scan is enough. Where one does not fit, a scan over everything proves or refutes the likeliest type of each
column, and a second one the next likely types of those that failed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ducklake_connector_csv.relation import reads_back

if TYPE_CHECKING:
    from ducklake.api.engine import EngineSession

_SAMPLE = 500
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.([0-9]+)")
_PATTERNS = (
    ("BOOLEAN", re.compile(r"true|false")),
    ("DATE", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
    ("TIMESTAMP", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?")),
    ("DOUBLE", re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?")),
)


def candidates(values: Iterable[str]) -> list[str]:
    """Types that a column might have, the likeliest first.

    Args:
        values: Some of its values, without NULL.
    """
    sample = list(values)
    if not sample:
        return []
    if all(_INTEGER.fullmatch(value) for value in sample):
        return ["BIGINT", "DECIMAL(38,0)"]
    scales = {len(match[2]) if (match := _DECIMAL.fullmatch(value)) else None for value in sample}
    if len(scales) == 1 and (scale := scales.pop()) is not None:
        return [f"DECIMAL({digits},{scale})" for digits in (18, 38) if scale < digits] + ["DOUBLE"]
    return [kind for kind, pattern in _PATTERNS if all(pattern.fullmatch(value) for value in sample)]


def likely(session: EngineSession, text: str, columns: Sequence[int]) -> dict[int, str]:
    """The likeliest types of columns, by a sample; a column without one is sure to be text.

    Args:
        session: The engine's.
        text: A SELECT of columns `c0`, `c1`, ... of type VARCHAR.
        columns: The numbers of those to look at.

    Raises:
        EngineError: The files cannot be read.
    """
    return {at: kinds[0] for at, kinds in _sampled(session, text, columns).items() if kinds}


def infer(session: EngineSession, text: str, columns: Sequence[int]) -> dict[int, str]:
    """The types of columns, as far as they have one; the others stay text.

    Args:
        session: The engine's.
        text: A SELECT of columns `c0`, `c1`, ... of type VARCHAR.
        columns: The numbers of those to look at.

    Raises:
        EngineError: The files cannot be read.
    """
    possible = {at: kinds for at, kinds in _sampled(session, text, columns).items() if kinds}
    found: dict[int, str] = {}
    while possible:
        proven = _prove(session, text, {at: kinds[0] for at, kinds in possible.items()})
        found |= proven
        possible = {at: kinds[1:] for at, kinds in possible.items() if at not in proven and kinds[1:]}
    return found


def misfits(session: EngineSession, text: str, kinds: Mapping[int, str]) -> set[int]:
    """Columns that hold a value that does not read back as the same text from a type.

    Args:
        session: The engine's.
        text: A SELECT of columns `c0`, `c1`, ... of type VARCHAR.
        kinds: The type of each column that is to be looked at, by its number.

    Raises:
        EngineError: The files cannot be read.
    """
    if not kinds:
        return set()
    (proofs,) = session.fetch(f"SELECT {', '.join(_proof(f'c{at}', kind, none='true') for at, kind in kinds.items())} FROM ({text})")
    return {at for at, proof in zip(kinds, proofs, strict=True) if not proof}


def _sampled(session: EngineSession, text: str, columns: Sequence[int]) -> Mapping[int, list[str]]:
    if not columns:
        return {}
    names = ", ".join(f"c{at}" for at in columns)
    rows = session.fetch(f"SELECT {names} FROM ({text}) LIMIT {_SAMPLE}")
    possible: dict[int, list[str]] = {}
    empty = []
    for number, at in enumerate(columns):
        values = [row[number] for row in rows if row[number] is not None]
        possible[at] = candidates(values)
        if not values:
            empty.append(at)
    if empty and len(rows) == _SAMPLE:
        (firsts,) = session.fetch(f"SELECT {', '.join(f'any_value(c{at})' for at in empty)} FROM ({text})")
        possible |= {at: candidates([value]) for at, value in zip(empty, firsts, strict=True) if value is not None}
    return possible


def _prove(session: EngineSession, text: str, kinds: Mapping[int, str]) -> dict[int, str]:
    """Those columns whose every value reads back as the same text from their type, by one scan."""
    (proofs,) = session.fetch(f"SELECT {', '.join(_proof(f'c{at}', kind) for at, kind in kinds.items())} FROM ({text})")
    return {at: kind for (at, kind), proof in zip(kinds.items(), proofs, strict=True) if proof}


def _proof(column: str, kind: str, *, none: str = "false") -> str:
    same = reads_back(column, f"TRY_CAST({column} AS {kind})", kind)
    return f"coalesce(bool_and(coalesce({same}, {column} IS NULL)), {none})"
