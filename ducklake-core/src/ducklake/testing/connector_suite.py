"""What DuckLake expects of every connector."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from ducklake.testing.connectors import translating
from ducklake.testing.memory import peak_growth
from ducklake.testing.suites import HOSTILE_NAMES, Place, Suite, check_class, refuses_unknown_options, same_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from ducklake.api.connector import Connector, ConnectorContext, Session
    from ducklake.api.extraction import ExtractRequest
    from ducklake.lake import Lake

Make = Callable[..., "ConnectorContext"]
PATIENCE = 30.0
"""Seconds that stopping may take."""


@dataclasses.dataclass(frozen=True, slots=True)
class ConnectorCase:
    """A connector and a source that it reads.

    Attributes:
        connector: The class.
        options: Of a source with at least one table that has rows, as in YAML; or a function of a `Place` that makes it.
        unreachable: Options of sources that cannot be reached or refuse, each tried.
        fill: Makes a private source hold exactly these Arrow tables, by name, and returns its options; switches on the tests
            of zero rows, names, huge cells and increments. Called again with the same place, it changes the source.
        large: Makes a source of 2 GB or more, for the test marked `large`.
        names: What tables and columns of a source may be called; leave out only what its kind of source refuses.
        cannot: Words to reasons, why a test is switched off: `hold_names`, `hold_huge_cells`, `hold_empty_tables`,
            `be_empty` (a source without tables), `hold_null_keys`; `fill`, where a source's tables are fixed and tests of
            its own prove the increments.
    """

    connector: type[Connector[Any]]
    options: Mapping[str, Any] | Callable[[Place], Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    unreachable: Sequence[Mapping[str, Any]] = ()
    fill: Callable[[Place, Mapping[str, pa.Table]], Mapping[str, Any]] | None = None
    large: Callable[[Place], Mapping[str, Any]] | None = None
    names: Sequence[str] = HOSTILE_NAMES
    cannot: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def increments(self) -> bool:
        """Whether the connector says that it reads by key."""
        return "incremental" in self.connector.capabilities

    @property
    def ledger(self) -> bool:
        """Whether the connector says that it keeps a ledger."""
        return "ledger" in self.connector.capabilities


class ConnectorTests(Suite):
    """It says what it has, delivers what it says, the same each time, stops when told, and keeps secrets."""

    case: ClassVar[ConnectorCase]
    patience: ClassVar[float] = PATIENCE

    @pytest.fixture
    def place(self, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
        """An empty folder for a source."""
        return Place(tmp_path, request.getfixturevalue)

    @pytest.fixture
    def connector(self, place: Place, connector_context: Make) -> Connector[Any]:
        """The connector over the source of the case."""
        options = self.case.options
        return self._make(options(place) if callable(options) else options, connector_context)

    def test_the_class_can_be_registered(self) -> None:
        """It has a plain name, options with descriptions, and capabilities that core knows."""
        check_class(self.case.connector, "register_connectors")
        from ducklake.errors import nearest

        known = {"tables", "incremental", "ledger"}
        misspelt = {word: nearest(word, known) for word in set(self.case.connector.capabilities) - known}
        found = [f"{word!r} (did you mean {close!r}?)" for word, close in misspelt.items() if close]
        assert not found, f"capabilities that nobody knows: {', '.join(found)}"

    def test_options_that_do_not_exist_are_refused(self, place: Place) -> None:
        """A misspelt key is an error."""
        options = self.case.options
        refuses_unknown_options(self.case.connector, options(place) if callable(options) else options)

    def test_secrets_are_marked(self) -> None:
        """Options that sound like a secret are SecretStr, so that they are kept out of everything that is printed."""
        from ducklake.testing.secrets import unmarked

        bare = unmarked(self.case.connector.Options)
        assert not bare, f"write pydantic.SecretStr for {', '.join(bare)}"

    def test_it_connects(self, connector: Connector[Any]) -> None:
        """`validate_connection` succeeds, and can be asked again."""
        connector.validate_connection()
        connector.validate_connection()

    def test_what_cannot_be_reached_is_an_error_of_one_line(self, connector_context: Make) -> None:
        """A SourceError (or DataError, of files) names the source, and not its secrets; at the latest when a table is read."""
        self.needs("unreachable", "a source refuses")
        from ducklake.errors import DataError, SourceError
        from ducklake.testing.secrets import reveal

        for options in self.case.unreachable:
            connector = self._make(options, connector_context)
            try:
                connector.validate_connection()
                with connector.open([]) as session:
                    for table in session.tables():
                        self._read(connector, session, table.name)
            except (SourceError, DataError) as error:
                text = str(error)
                if "\n" in text.strip():
                    raise AssertionError(f"an error of several lines: {text}") from error
                if connector.context.source not in text:
                    raise AssertionError(f"an error that does not name the source: {text}") from error
                found = [secret for secret in reveal(connector.options) if secret in text]
                if found:
                    raise AssertionError("an error that shows a secret") from error
            except Exception as error:
                raise AssertionError(f"{type(error).__name__} instead of a SourceError: {error}") from error
            else:
                raise AssertionError(f"{dict(options)} was reached")

    def test_its_tables_have_names_of_their_own(self, connector: Connector[Any]) -> None:
        """Tables are listed, each once, the same each time."""
        with connector.open([]) as session:
            names = [table.name for table in session.tables()]
            again = [table.name for table in session.tables()]
        assert names, "the source of the case has no tables"
        assert all(isinstance(name, str) for name in names), f"names that are no text: {names}"
        assert len(set(names)) == len(names), f"names that come twice: {names}"
        assert sorted(again) == sorted(names), f"asked again it has the tables {again} instead of {names}"

    def test_what_is_indexed_are_columns(self, connector: Connector[Any]) -> None:
        """`indexed_columns` names columns of the table, and at most one as the primary key."""
        for name, session in self._tables(connector):
            indexed = session.indexed_columns(name)
            unknown = set(indexed) - set(session.get_schema(name).names) if indexed else set()
            assert not unknown, f"{name}: indexed_columns() names {sorted(unknown)}, which are no columns"
            assert sum(map(bool, indexed.values())) <= 1, f"{name}: indexed_columns() has more than one primary key: {dict(indexed)}"

    def test_what_is_raised_with_each_change_is_a_column(self, connector: Connector[Any]) -> None:
        """`change_column` names a column of the table, if there is one."""
        for name, session in self._tables(connector):
            change = session.change_column(name)
            assert change is None or change in session.get_schema(name).names, f"{name}: change_column() names {change}, which is no column"

    def test_a_table_that_does_not_exist_is_an_error(self, connector: Connector[Any]) -> None:
        """It is a DataError or SourceError that names the table."""
        from ducklake.api.engine import EngineError
        from ducklake.errors import DuckLakeError

        with connector.open(["no_such_table"]) as session:
            try:
                self._read(connector, session, "no_such_table")
            except DuckLakeError as error:
                if "no_such_table" not in str(error):
                    raise AssertionError(f"the error does not name the table: {error}") from error
            except (EngineError, Exception) as error:
                raise AssertionError(f"{type(error).__name__} instead of a DataError: {error}") from error
            else:
                raise AssertionError("a table that does not exist was read")

    def test_what_is_declared_is_delivered(self, connector: Connector[Any]) -> None:
        """Every batch has the names and types of the extraction's schema, which is that of `get_schema`."""
        for name, session in self._tables(connector):
            declared = session.get_schema(name)
            delivered = self._read(connector, session, name).schema
            assert delivered.names == declared.names, f"{name}: delivers {delivered.names}, get_schema() says {declared.names}"
            assert delivered.types == declared.types, f"{name}: delivers {delivered.types}, get_schema() says {declared.types}"

    def test_every_type_can_land(self, connector: Connector[Any]) -> None:
        """No column has a type that would change on its way into Parquet."""
        from ducklake.errors import DataError
        from ducklake.run.batches import check_schema

        for name, session in self._tables(connector):
            try:
                check_schema(name, session.get_schema(name))
            except DataError as error:
                raise AssertionError(str(error)) from error

    def test_reading_again_gives_the_same_rows(self, connector: Connector[Any]) -> None:
        """In the same session and in another one."""
        first = {name: self._read(connector, session, name).to_pylist() for name, session in self._tables(connector)}
        assert any(first.values()), "no table of the case has rows"
        for name, session in self._tables(connector):
            for _ in range(2):
                again = self._read(connector, session, name).to_pylist()
                same_rows(_lists(again), _lists(first[name]), f"{name}, read again")

    @pytest.mark.parametrize("batch_size", [1, 7])
    def test_the_size_of_batches_does_not_matter(self, connector: Connector[Any], batch_size: int) -> None:
        """It is a guide; no row is lost or doubled at a border."""
        for name, session in self._tables(connector):
            wanted = self._read(connector, session, name).to_pylist()
            found = self._read(connector, session, name, batch_size=batch_size).to_pylist()
            same_rows(_lists(found), _lists(wanted), f"{name} in batches of {batch_size}")

    def test_the_state_is_json(self, connector: Connector[Any]) -> None:
        """What is handed to the next extraction survives a file."""
        for name, session in self._tables(connector):
            extraction = session.extract(self._request(name))
            try:
                same = json.loads(json.dumps(extraction.state)) == extraction.state
            except TypeError as error:
                raise AssertionError(f"{name}: its state is no JSON: {error}") from error
            assert same, f"{name}: its state changes on its way through JSON: {extraction.state}"

    def test_stopping_early_harms_nothing(self, connector: Connector[Any]) -> None:
        """A reader that goes away after one batch leaves a source that can be read again."""
        name, wanted = self._some_table(connector)
        with connector.open([name]) as session:
            for stream in session.extract(self._request(name, batch_size=1)).streams:
                iterator = iter(stream)
                next(iterator, None)
                if (close := getattr(iterator, "close", None)) is not None:
                    close()
            found = self._read(connector, session, name).to_pylist()
        same_rows(_lists(found), wanted, f"{name}, after a reading that was stopped")
        with connector.open([name]) as session:
            same_rows(_lists(self._read(connector, session, name).to_pylist()), wanted, f"{name}, in a new session")

    def test_it_can_be_cancelled_in_mid_stream(self, connector: Connector[Any]) -> None:
        """`cancel`, called from another thread, returns, ends the reading (by its end or an error), and harms no later session."""
        name, wanted = self._some_table(connector)
        with connector.open([name]) as session:
            streams = session.extract(self._request(name, batch_size=1)).streams
            iterator = iter(streams[0]) if streams else iter(())
            next(iterator, None)
            assert _within(self.patience, session.cancel), "cancel() does not return"
            assert _within(self.patience, lambda: list(iterator)), "the reading goes on after cancel()"
        with connector.open([name]) as session:
            same_rows(_lists(self._read(connector, session, name).to_pylist()), wanted, f"{name}, after a reading that was cancelled")

    def test_rows_come_as_they_were_put_in(self, place: Place, tmp_path: Path) -> None:
        """Numbers, texts of any script and NULLs land unchanged."""
        self.needs("fill", "a source is filled")
        rows = [(1, "Ana"), (2, None), (-3, "ñandú 'x' \"y\" 🦆"), (4, "00123"), (2**53 + 1, "a,b;c\ttab")]
        lake = self._filled(place, {"people": _table({"id": [r[0] for r in rows], "name": [r[1] for r in rows]})})
        _land(lake)
        same_rows(_landed(lake, "people", "id, name"), rows, "rows in raw")

    def test_a_table_without_rows_lands(self, place: Place) -> None:
        """It has its columns, and no row."""
        self.needs("fill", "a source is filled")
        self.needs("hold_empty_tables", "")
        lake = self._filled(place, {"people": _table({"id": [], "name": []})})
        assert "people" in _land(lake), "a table without rows is not listed"
        assert _landed(lake, "people", "id, name") == []

    def test_a_source_without_tables_is_no_error(self, place: Place, connector_context: Make) -> None:
        """It can be opened, and has no tables."""
        self.needs("fill", "a source is filled")
        self.needs("be_empty", "")
        assert self.case.fill is not None
        with self._make(self.case.fill(place, {}), connector_context).open([]) as session:
            assert list(session.tables()) == [], "tables where there are none"

    def test_names_are_data(self, place: Place) -> None:
        """Tables and columns may be called anything."""
        self.needs("fill", "a source is filled")
        self.needs("hold_names", "")
        from ducklake.api.sql import quote

        lake = self._filled(place, {name: _table({name: [1, 2], "other": ["a", "b"]}) for name in self.case.names})
        names = sorted(_land(lake))
        assert names == sorted(self.case.names), f"the tables have the names {names}"
        for name in self.case.names:
            same_rows(_landed(lake, name, f"{quote(name)}, other"), [(1, "a"), (2, "b")], f"rows of a table called {name!r}")

    def test_a_huge_cell_lands(self, place: Place) -> None:
        """16 MB in one value, whole."""
        self.needs("fill", "a source is filled")
        self.needs("hold_huge_cells", "")
        huge = "0123456789abcdef" * 2**20
        lake = self._filled(place, {"cells": _table({"id": [1, 2], "text": [huge, "small"]})})
        _land(lake)
        found = _landed(lake, "cells", "id, length(text), md5(text)")
        import hashlib

        wanted = [(1, len(huge), hashlib.md5(huge.encode()).hexdigest()), (2, 5, hashlib.md5(b"small").hexdigest())]
        same_rows(found, wanted, "lengths and sums")

    def test_what_it_says_of_increments_is_proved(self) -> None:
        """A connector that declares increments is tested for them."""
        declared = sorted({"incremental", "ledger"} & set(self.case.connector.capabilities))
        proved = self.case.fill is not None or "fill" in self.case.cannot
        hint = "give the case a `fill`, or say in cannot={'fill': ...} which tests of your own prove them"
        assert proved or not declared, f"its capabilities name {', '.join(declared)}, and no test reads an increment: {hint}"

    def test_an_increment_brings_what_is_new(self, place: Place) -> None:
        """Ties at the highest key and true duplicates included; nothing lands twice."""
        self.needs("increments", "increments by key")
        self.needs("fill", "a source is filled")
        first = [(1, "a"), (2, "b"), (2, "b")]
        lake = self._keyed(place, first)
        assert _land(lake)["events"].rows == 3
        later = [*first, (2, "tie"), (3, "c")]
        lake = self._keyed(place, later)
        assert _land(lake)["events"].rows == 2, "an increment that is not the two new rows"
        same_rows(_landed(lake, "events", "id, name"), later, "rows in raw")

    def test_an_increment_without_news_is_empty(self, place: Place) -> None:
        """Nothing lands, no file is written."""
        self.needs("increments", "increments by key")
        self.needs("fill", "a source is filled")
        lake = self._keyed(place, [(1, "a"), (2, "b")])
        _land(lake)
        found = _land(self._keyed(place, [(1, "a"), (2, "b")]))["events"]
        assert (found.status, found.rows) == ("empty", 0), f"{found.status} with {found.rows} rows, though nothing is new"

    def test_an_increment_of_an_empty_table_waits_for_rows(self, place: Place) -> None:
        """The first rows land when they come."""
        self.needs("increments", "increments by key")
        self.needs("fill", "a source is filled")
        self.needs("hold_empty_tables", "")
        _land(self._keyed(place, []))
        lake = self._keyed(place, [(1, "a")])
        _land(lake)
        same_rows(_landed(lake, "events", "id, name"), [(1, "a")], "rows in raw")

    def test_rows_without_a_key_land_once(self, place: Place) -> None:
        """NULL in the key column is no reason to lose a row, or to land it twice."""
        self.needs("increments", "increments by key")
        self.needs("fill", "a source is filled")
        self.needs("hold_null_keys", "")
        first = [(1, "a"), (None, "keyless")]
        _land(self._keyed(place, first))
        later = [*first, (None, "keyless too"), (2, "b")]
        lake = self._keyed(place, later)
        _land(lake)
        same_rows(_landed(lake, "events", "id, name"), later, "rows in raw")

    def test_the_same_content_lands_once(self, place: Place) -> None:
        """A ledger knows what has landed: nothing new is empty, something new comes alone."""
        self.needs("ledger", "a ledger")
        self.needs("fill", "a source is filled")
        people = {"people": _table({"id": [1, 2], "name": ["a", "b"]})}
        lake = self._filled(place, people)
        _land(lake)
        again = _land(self._filled(place, people))["people"]
        assert again.status == "empty", f"{again.status} with {again.rows} rows, though nothing is new"
        lake = self._filled(place, {**people, "others": _table({"id": [3], "name": ["c"]})})
        assert {name: result.rows for name, result in _land(lake).items() if result.rows} == {"others": 1}, "not just what is new"

    @pytest.mark.large
    def test_two_gigabytes_stream_through_little_memory(self, place: Place, connector_context: Make) -> None:
        """At most 300 MB on top of what there was."""
        self.needs("large", "a source of 2 GB")
        assert self.case.large is not None
        connector = self._make(self.case.large(place), connector_context)
        total = 0
        with connector.open([]) as session, peak_growth() as growth:
            for table in session.tables():
                if session.extract(self._request(table.name)).relation is not None:
                    pytest.skip("the engine reads its relation itself, within engine.memory_limit")
                for batch in self._batches(connector, session, table.name):
                    total += batch.nbytes
        assert total >= 2 * 10**9, f"the source has {total} bytes only"
        assert growth() <= 300 * 2**20, f"{growth() / 2**20:.0f} MB of memory for a stream"

    def _make(self, options: Mapping[str, Any], context: Make) -> Connector[Any]:
        cls = self.case.connector
        return cls(cls.Options.model_validate(dict(options)), context(source="under_test"))

    def _filled(self, place: Place, tables: Mapping[str, pa.Table], extract: Mapping[str, Any] | None = None) -> Lake:
        from ducklake.testing.landing import lake_of

        assert self.case.fill is not None
        return lake_of(self.case.connector, self.case.fill(place, tables), place.folder, extract)

    def _keyed(self, place: Place, rows: Sequence[tuple[int | None, str]]) -> Lake:
        table = _table({"id": [row[0] for row in rows], "name": [row[1] for row in rows]})
        return self._filled(place, {"events": table}, {"mode": "incremental", "key_column": "id"})

    def _tables(self, connector: Connector[Any]) -> Iterator[tuple[str, Session]]:
        with connector.open([]) as session:
            for table in session.tables():
                yield table.name, session

    def _some_table(self, connector: Connector[Any]) -> tuple[str, list[list[Any]]]:
        """A table that has rows, and the rows."""
        for name, session in self._tables(connector):
            rows = _lists(self._read(connector, session, name).to_pylist())
            if rows:
                return name, rows
        raise AssertionError("no table of the case has rows")

    def _request(self, table: str, batch_size: int = 50_000) -> ExtractRequest:
        from ducklake.api.extraction import ExtractRequest

        return ExtractRequest(table, "incremental" if self.case.ledger else "full", batch_size)

    def _read(self, connector: Connector[Any], session: Session, table: str, batch_size: int = 50_000) -> pa.Table:
        import pyarrow as pa

        batches = list(self._batches(connector, session, table, batch_size))
        return pa.Table.from_batches(batches) if batches else session.get_schema(table).empty_table()

    def _batches(self, connector: Connector[Any], session: Session, table: str, batch_size: int = 50_000) -> Iterator[pa.RecordBatch]:
        extraction = session.extract(self._request(table, batch_size))
        if extraction.relation is not None:
            with translating(extraction):
                yield from connector.context.engine.stream(extraction.relation)
            return
        for stream in extraction.streams:
            for batch in stream:
                same = batch.schema.equals(extraction.schema)
                assert same, f"{table}: a batch has the columns {batch.schema}, the extraction says {extraction.schema}"
                batch.validate(full=True)
                yield batch


def _table(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    import pyarrow as pa

    texts = {"name", "other", "text"}
    typed = {name: pa.array(values, pa.string() if name in texts else pa.int64()) for name, values in columns.items()}
    return pa.table(typed)


def _lists(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    return [list(row.values()) for row in rows]


def _within(seconds: float, work: Callable[[], object]) -> bool:
    """Whether something ends in time, however it ends."""
    ended = threading.Event()

    def run() -> None:
        try:
            work()
        except BaseException:  # an error is an end too
            pass
        finally:
            ended.set()

    threading.Thread(target=run, daemon=True).start()
    return ended.wait(seconds)


def _land(lake: Lake) -> dict[str, Any]:
    from ducklake.testing.landing import land

    return dict(land(lake))


def _landed(lake: Lake, table: str, columns: str) -> list[list[Any]]:
    from ducklake.testing.landing import landed

    return landed(lake, table, columns)
