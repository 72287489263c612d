"""From the files of a table to files that DuckDB reads right."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ducklake.errors import DataError
from ducklake_connector_csv.columns import column_names, first_record
from ducklake_connector_csv.diagnosis import not_closed, undecodable
from ducklake_connector_csv.files import (
    is_utf8,
    longest_line,
    needs_survey,
    survey,
    transcode,
    with_one_line_end,
)
from ducklake_connector_csv.options import CsvFormat
from ducklake_connector_csv.relation import ReadableFile

_LARGE = 16 << 20
_EVEN_WITHOUT_ROWS = "a table without rows still has a line with its columns' names"


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """A file ready to be read.

    Attributes:
        file: For the engine.
        notes: Remarks about its columns.
        delimiters: How many delimiters stand outside of quotes, where that has to be compared with the records; else None.
    """

    file: ReadableFile
    notes: tuple[str, ...]
    delimiters: int | None = None


class Looks:
    """Cheap looks at large files (`files.needs_survey`), begun before their turn, beside other work.

    Args:
        layout: The files' format.
    """

    def __init__(self, layout: CsvFormat) -> None:
        self._layout = layout
        self._begun: dict[Path, Future[bool]] = {}
        self._pool = ThreadPoolExecutor(1)
        self._left = threading.Event()

    def begin(self, path: Path) -> None:
        """Begin with a file; small ones can wait.

        Args:
            path: An UTF-8 file.
        """
        if path not in self._begun and path.stat().st_size >= _LARGE:
            self._begun[path] = self._pool.submit(needs_survey, path, self._layout.delimiter, self._layout.quote, self._left.is_set)

    def needs_survey(self, path: Path) -> bool:
        """What the look has shown.

        Args:
            path: An UTF-8 file, begun with or not.
        """
        begun = self._begun.pop(path, None)
        return begun.result() if begun else needs_survey(path, self._layout.delimiter, self._layout.quote)

    def close(self) -> None:
        """Let go of what is running still, and forget the rest."""
        self._left.set()
        self._pool.shutdown(cancel_futures=True)


def prepare(place: str, path: Path, name: str, layout: CsvFormat, copy: Callable[[], Path]) -> Prepared:
    """Find out a file's columns, and copy it where it is in another encoding.

    Args:
        place: `source.table` for messages.
        path: The file.
        name: Its name for messages.
        layout: Its format.
        copy: Gives a new path in a private folder.

    Raises:
        DataError: It is empty, or in another encoding.
    """
    with _readable(place, path, name, layout):
        return _prepare(place, path, name, layout, copy)


def surveyed(place: str, prepared: Prepared, name: str, layout: CsvFormat, copy: Callable[[], Path], looks: Looks) -> Prepared:
    """Look through a file for what DuckDB would read wrongly, and copy it where that can be mended.

    Args:
        place: `source.table` for messages.
        prepared: Out of `prepare`.
        name: The file's name for messages.
        layout: Its format.
        copy: Gives a new path in a private folder.
        looks: That may have been begun.

    Raises:
        DataError: It cannot be read.
    """
    path = prepared.file.path
    with _readable(place, path, name, layout):
        delimiters = None
        if looks.needs_survey(path):
            found = survey(path, layout.delimiter, layout.quote)
            delimiters = found.delimiters
            if found.mixed:
                path = copy()
                with_one_line_end(prepared.file.path, path, layout.quote)
        file = dataclasses.replace(prepared.file, path=path, longest=longest_line(path))
        return dataclasses.replace(prepared, file=file, delimiters=delimiters)


@contextlib.contextmanager
def _readable(place: str, path: Path, name: str, layout: CsvFormat) -> Iterator[None]:
    try:
        yield
    except UnicodeError as error:
        found = undecodable(place, path, name, layout.encoding)
        raise found or DataError(f"{place}: {name} is not {layout.encoding}: {error}") from error
    except csv.Error as error:
        raise not_closed(f"{place}: {name}: in its first line") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{place}: {name} is no whole gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{place}: cannot read {name}: {error.strerror or error}") from error


def _prepare(place: str, path: Path, name: str, layout: CsvFormat, copy: Callable[[], Path]) -> Prepared:
    if not path.stat().st_size:
        raise DataError(f"{place}: {name} is empty (0 bytes)", hint=_EVEN_WITHOUT_ROWS)
    if not is_utf8(layout.encoding):
        original, path = path, copy()
        transcode(original, path, layout.encoding)
    record = first_record(path, layout)
    if record is None:
        raise DataError(f"{place}: {name} holds nothing but blank lines", hint=_EVEN_WITHOUT_ROWS)
    columns, notes = column_names(record, layout)
    if bad := next((column for column in columns if "\0" in column), None):
        raise DataError(f"{place}: {name}: the column name {bad!r} holds a zero byte")
    if len(record.fields) != len(columns):
        raise DataError(
            f"{place}: {name} has {len(record.fields)} columns, format.names names {len(columns)}",
            hint="name every column, in the order of the file",
        )
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        link = copy().with_suffix(path.suffix if path.suffix == ".gz" else ".csv")
        link.symlink_to(path)
        path = link
    file = ReadableFile(path, columns, record.skip, layout.header, lines=record.lines if layout.header else 0)
    return Prepared(file, tuple(f"{name}: {note}" for note in notes))
