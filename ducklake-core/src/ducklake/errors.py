"""Every error that DuckLake raises on purpose, arranged by what the reader can do about it.

    DuckLakeError
    ├── ConfigurationError   exit 2   mend YAML, the command line or the environment
    │   ├── BindError        exit 2   a step names a column, function or type that is not there
    │   ├── PluginError      exit 2   install, upgrade or mend a plugin
    │   └── CatalogError     exit 2   the catalog is damaged, newer, or missing beside data
    ├── SourceError          exit 4   host, login, TLS or database of a source
    ├── BusyError            exit 5   another process holds the table
    ├── DataError            exit 1   a missing file or table, bad data, disk
    │   └── StepError        exit 1   a plugin raised while it worked
    ├── QualityError         exit 3   a check of severity error failed, nothing was published
    └── InternalError        exit 1   a defect of DuckLake itself

An error carries one or several `Problem`s: validation reports all of them at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it is, and what to type next.

    Attributes:
        code: A stable word for scripts, for example `unknown_key`.
        message: One line that names the place (`source.table.column`) and the cause.
        hint: The next thing to do, one line, or None.
        file: The file, relative to the project where it lies inside it.
        line: Line in `file`, from 1.
        column: Column in `file`, from 1.
    """

    code: str
    message: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def place(self) -> str:
        """`file:line:column` as far as known, else an empty text."""
        parts = [self.file, self.line, self.column]
        return ":".join(str(part) for part in parts if part is not None) if self.file else ""

    def to_json(self) -> dict[str, Any]:
        """The shape that `--json` prints."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}" if self.place else self.message
        return f"{text} ({self.hint})" if self.hint else text


class DuckLakeError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: One line: the place and the cause.
        hint: The next thing to do.
        code: Overrides the class's `code`.
        file: The file the message is about.
        line: Line in that file, from 1.
        column: Column in that file, from 1.
        problems: Given instead of a message where several things are wrong at once.
    """

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "error"
    retryable: bool = False

    def __init__(
        self,
        message: str = "",
        *,
        hint: str | None = None,
        code: str | None = None,
        file: str | None = None,
        line: int | None = None,
        column: int | None = None,
        problems: Iterable[Problem] = (),
    ) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems) or (Problem(code or type(self).code, message, hint, file, line, column),)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def problem(self) -> Problem:
        """The first problem: what a table's result shows."""
        return self.problems[0]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.problems))


def _rebuild(kind: type[DuckLakeError], problems: tuple[Problem, ...]) -> DuckLakeError:
    return kind(problems=problems)


class ConfigurationError(DuckLakeError):
    """The configuration, the command line or the environment is wrong: nothing was done."""

    exit_code = 2
    code = "configuration"


class BindError(ConfigurationError):
    """A step or check names a column, function or type that does not exist."""

    code = "bind"


class PluginError(ConfigurationError):
    """A plugin is missing, broken, too new, or claimed twice."""

    code = "plugin"


class CatalogError(ConfigurationError):
    """The catalog is damaged, of a newer version, or missing beside data files."""

    code = "catalog"


class SourceError(DuckLakeError):
    """A source cannot be reached or refuses: host, login, TLS, database.

    Args:
        message: One line: the source and the cause.
        retryable: True for passing causes (a dropped connection), False for permanent ones (a wrong password).
        **place: As for `DuckLakeError`.
    """

    exit_code = 4
    code = "source"

    def __init__(self, message: str = "", *, retryable: bool = False, **place: Any) -> None:
        super().__init__(message, **place)
        self.retryable = retryable


class BusyError(DuckLakeError):
    """Another process holds the table or target."""

    exit_code = 5
    code = "busy"


class DataError(DuckLakeError):
    """A missing file, table or right, bad data, or a disk that does not take it."""

    exit_code = 1
    code = "data"


class StepError(DataError):
    """A plugin raised while it worked; the message names plugin and version."""

    code = "step"


class QualityError(DuckLakeError):
    """A check of severity error failed: nothing was published."""

    exit_code = 3
    code = "quality"


class InternalError(DuckLakeError):
    """A defect of DuckLake itself."""

    exit_code = 1
    code = "internal"


EXIT_ORDER: Sequence[int] = (2, 4, 5, 1, 3)
"""With several causes the process leaves with the first of these that occurred."""


def exit_code(codes: Iterable[int]) -> int:
    """The exit code of a command whose parts ended with `codes`.

    Args:
        codes: Exit codes of the single tables or problems; zeros count as success.

    Returns:
        0 if nothing failed, else the first of `EXIT_ORDER` that occurred.
    """
    seen = {code for code in codes if code}
    return next((code for code in EXIT_ORDER if code in seen), max(seen, default=0))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, for did-you-mean; None if none is close.

    Args:
        name: What was typed.
        known: What exists.
    """
    import difflib

    folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], what: str = "known") -> str | None:
    """A hint for a name that does not exist.

    Args:
        name: What was typed.
        known: What exists.
        what: The word for the listing when nothing is close, for example `columns`.
    """
    names = list(known)
    close = nearest(name, names)
    if close is not None:
        return f"did you mean {close!r}?"
    return f"{what}: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else None
