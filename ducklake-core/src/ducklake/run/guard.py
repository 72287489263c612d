"""Every call into a plugin while work is done goes through here.

A plugin that raises anything, `sys.exit(0)` and other BaseExceptions included, has failed its own table and nothing
else; the message says which plugin it was, and of which version. What a plugin prints goes to stderr.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO, TypeVar

from ducklake.api.engine import EngineError
from ducklake.api.extraction import ReadAgain
from ducklake.errors import DataError, DuckLakeError, StepError

if TYPE_CHECKING:
    from ducklake.plugins.manager import PluginInfo

T = TypeVar("T")


@contextlib.contextmanager
def guarded(plugin: PluginInfo, place: str) -> Iterator[None]:
    """Turn whatever a plugin raises into a failure of its table.

    Args:
        plugin: Whose code runs.
        place: `source.table` or `pipeline, step N`, for the message.

    Raises:
        DuckLakeError: What the plugin raised on purpose, as it is.
        StepError: Anything else it raised.
        KeyboardInterrupt: The user's, passed on.
    """
    try:
        yield
    except (DuckLakeError, EngineError, ReadAgain, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise step_error(plugin, place, error) from error


def guarded_iteration(plugin: PluginInfo, place: str, items: Iterable[T]) -> Iterator[T]:
    """Iterate over what a plugin yields, guarded.

    Args:
        plugin: Whose generator it is.
        place: For the message.
        items: What the plugin gave.
    """
    with guarded(plugin, place):
        iterator = iter(items)
    while True:
        with guarded(plugin, place):
            try:
                item = next(iterator)
            except StopIteration:
                return
        yield item


def step_error(plugin: PluginInfo, place: str, error: BaseException) -> StepError:
    """The error of a table whose plugin raised.

    Args:
        plugin: Whose code it was.
        place: `source.table` or `pipeline, step N`.
        error: What it raised.
    """
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    version = f" {plugin.version}" if plugin.version else ""
    first_line = text.strip().splitlines()[0]
    return StepError(
        f"{place}: {plugin.distribution or plugin.module}{version} raised {first_line}", hint="run again with -v for the traceback"
    )


def engine_failure(place: str, error: EngineError) -> DataError:
    """The error of a table whose statement the engine refused or could not finish.

    Args:
        place: `source.table` or the pipeline's name.
        error: The engine's.
    """
    hints = {
        "memory": "raise engine.memory_limit in config/settings.yaml",
        "disk": "free the disk, then run the command again",
    }
    lines = [line for line in str(error).splitlines() if line.strip()]
    return DataError(f"{place}: {lines[0] if lines else error}", hint=hints.get(error.kind), code=f"engine_{error.kind}")


@contextlib.contextmanager
def stdout_kept_clean() -> Iterator[int | None]:
    """Send what anybody prints to stdout, also from C or a child process, to stderr for the time being.

    Yields:
        A descriptor of the real stdout; None where it is closed.
    """
    own = sys.stdout
    own.flush()
    try:
        saved = os.dup(1)
    except OSError:
        yield None
        return
    try:
        os.dup2(2, 1)
        with contextlib.redirect_stdout(sys.stderr):
            yield saved
    finally:
        flush_everything(own)
        os.dup2(saved, 1)
        os.close(saved)


def close_stdout() -> None:
    """From now on nothing gets to stdout: the answer is printed, what plugins still say while the process ends is none."""
    flush_everything(sys.stdout)
    with contextlib.suppress(OSError):
        os.dup2(2, 1)


def flush_everything(*streams: TextIO) -> None:
    """Empty what Python and C libraries hold back for descriptor 1, while it still leads where it should.

    Args:
        *streams: Besides the streams that Python began with.
    """
    import ctypes

    for stream in (*streams, sys.__stdout__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)
