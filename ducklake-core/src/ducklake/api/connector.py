"""Sources: what a connector plugin subclasses.

A connector is a class with a `name`, an `Options` model and two methods. The heavy imports (a driver, an
ORM) belong inside methods: the class is loaded whenever configuration is validated.
"""

from __future__ import annotations

import abc
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Generic, Self, TypeVar

from ducklake.api.extraction import Extraction, ExtractRequest
from ducklake.api.options import Configured, Options
from ducklake.api.tables import SourceTable

if TYPE_CHECKING:
    import logging

    import pyarrow as pa

    from ducklake.api.engine import EngineSession

OptionsT = TypeVar("OptionsT", bound=Options)


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectorContext:
    """What core lends to a connector.

    Attributes:
        source: The source's name in sources.yaml.
        project: The project's folder; relative paths of options are relative to it (`resolve`).
        engine: A session of the engine, for connectors that read files through it.
        log: A logger; it writes to stderr, never to stdout.
    """

    source: str
    project: Path
    engine: EngineSession
    log: logging.Logger

    def resolve(self, path: str) -> Path:
        """A path of the options, made absolute.

        Args:
            path: Relative to the project, or absolute; `~` is expanded.
        """
        return self.project / os.path.expanduser(path)  # noqa: PTH111 - which leaves ~nobody as it is


@dataclasses.dataclass(frozen=True, slots=True)
class Diagnosis:
    """What `test-connection` shows of a source besides that it answers.

    Attributes:
        server: What answers, for example `PostgreSQL 15.2`.
        tls: How the connection is encrypted, for example `TLSv1.3`, or `none`; None where that means nothing.
        clock_difference: Seconds by which the source's clock is ahead of ours; None where it has none.
        missing_rights: What the user lacks, and what would give it, a line each.
        tables: Names of the tables that are offered.
    """

    server: str | None = None
    tls: str | None = None
    clock_difference: float | None = None
    missing_rights: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


class Session(abc.ABC):
    """An open connection to a source, over all tables of one run. Used as a context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @abc.abstractmethod
    def tables(self) -> Sequence[SourceTable]:
        """All tables that the source offers (core applies the patterns of `tables:` to them).

        Raises:
            SourceError: The source cannot be reached or refuses.
        """

    @abc.abstractmethod
    def get_schema(self, table: str) -> pa.Schema:
        """The schema that `extract` will deliver.

        Args:
            table: A name out of `tables`.

        Raises:
            DataError: There is no such table.
        """

    def indexed_columns(self, table: str) -> Mapping[str, bool]:
        """The columns with which an index or key over all rows begins: what `add-source` proposes as `key_column` is one of them.

        Args:
            table: A name out of `tables`.

        Returns:
            By name, as the source spells it, whether the column by itself is the primary key; nothing where the source knows no indexes.

        Raises:
            DataError: There is no such table.
        """
        return {}

    def change_column(self, table: str) -> str | None:
        """The column that the source itself raises with every insert and update, above what every other row has: the best of keys.

        SQL Server's `rowversion` is one. What applications, defaults or triggers set is none, whatever its name.

        Args:
            table: A name out of `tables`.

        Returns:
            Its name, with or without an index; None where there is none, or none is known.

        Raises:
            DataError: There is no such table.
        """
        return None

    @abc.abstractmethod
    def extract(self, request: ExtractRequest) -> Extraction:
        """Begin to read one table; the rows flow when core iterates the streams.

        Args:
            request: Which table, and how.

        Raises:
            DataError: There is no such table, or its rows cannot be read.
            SourceError: The source cannot be reached or refuses.
        """

    def confirm(self, table: str) -> None:
        """Called after the commit of a table's extraction (to move or delete a file, for example).

        Args:
            table: The table that has landed.
        """

    def cancel(self) -> None:
        """Stop a running read at the source; called from another thread, on Ctrl-C or a time limit."""

    def close(self) -> None:
        """Let go of the source. Called once, also after an error."""


class Connector(Configured, abc.ABC, Generic[OptionsT]):
    """A type of source.

    Args:
        options: The source's block in YAML, validated by `Options`.
        context: What core lends.

    Attributes:
        name: The word for `type:` in sources.yaml.
        Options: The model of the source's own keys (`connection`, `path`, ...), by default that in the brackets
            behind the base class. Core's keys (`name`, `type`,
            `enabled`, `description`, `tables`, `extract`) are not part of it.
        capabilities: Words that core and the conformance suite understand: `tables` (the source has named
            tables and takes `tables:`), `incremental` (it reads increments by `key_column`),
            `ledger` (it keeps a ledger of content in its state).
    """

    name: ClassVar[str]
    capabilities: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, options: OptionsT, context: ConnectorContext) -> None:
        self.options = options
        self.context = context

    @abc.abstractmethod
    def validate_connection(self) -> None:
        """Connect and log in, read nothing.

        Raises:
            SourceError: The source cannot be reached or refuses.
        """

    def diagnose(self) -> Diagnosis:
        """Look at a source that `validate_connection` has reached; a connector says what it knows.

        Raises:
            SourceError: The source cannot be reached or refuses.
        """
        with self.open(()) as session:
            return Diagnosis(tables=tuple(table.name for table in session.tables()))

    @abc.abstractmethod
    def open(self, requests: Sequence[str]) -> Session:
        """Open the source for one run.

        Args:
            requests: The names and patterns of `tables:`; empty means all.

        Raises:
            SourceError: The source cannot be reached or refuses.
        """
