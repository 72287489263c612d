"""Logs on stderr: the standard library's and structlog's alike, for people or as JSON lines.

Core logs through the standard library, and most commands log nothing, while structlog takes 0.2 s to import: it is
imported with the first record. A plugin that imports it finds it set up.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ducklake.cli.errors import printable

Redact = Callable[[str], str]


def configure(*, level: str = "info", form: str = "console", verbose: int = 0, quiet: bool = False, redact: Redact = str) -> None:
    """Set up logging for this process.

    Args:
        level: Of `logging.level` in settings.yaml; `-v` makes it debug, `-q` error.
        form: `console` or `json`.
        verbose: With two, other libraries speak from debug on too.
        quiet: Whether only errors are logged.
        redact: Takes secrets out.
    """
    chosen = logging.DEBUG if verbose else logging.ERROR if quiet else logging.getLevelNamesMapping()[level.upper()]
    handler = _StderrHandler(form, redact)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbose > 1 else max(chosen, logging.WARNING))
    logging.getLogger("ducklake").setLevel(chosen)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _OnImport)]
    if "structlog" in sys.modules:
        handler.prepare()
    else:
        sys.meta_path.insert(0, _OnImport(handler))


class _StderrHandler(logging.Handler):
    """Writes to whatever `sys.stderr` is now: a progress bar puts itself there for a while."""

    def __init__(self, form: str, redact: Redact) -> None:
        super().__init__()
        self._form = form
        self._redact = redact

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.formatter is None:
                self.prepare()
            sys.stderr.write(self._redact(self.format(record)) + "\n")
        except Exception:
            self.handleError(record)

    def prepare(self) -> None:
        """Import structlog and let both ways of logging end here."""
        import structlog

        shared: list[Any] = [
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.format_exc_info,
            self._redact_values,
        ]
        last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
        if self._form == "json":
            stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp")
            last += [stamp, structlog.processors.JSONRenderer(default=str)]
        else:
            last += [_render_line]
        structlog.configure(
            processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
            logger_factory=structlog.stdlib.LoggerFactory(),
            wrapper_class=structlog.stdlib.BoundLogger,
            cache_logger_on_first_use=False,
        )
        self.setFormatter(structlog.stdlib.ProcessorFormatter(processors=last, foreign_pre_chain=shared))

    def _redact_values(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Before rendering, since JSON escapes quotes that a secret may hold."""
        return {key: self._redact(value) if isinstance(value, str) and not key.startswith("_") else value for key, value in event.items()}


class _OnImport(importlib.abc.MetaPathFinder):
    """Sets structlog up as soon as anybody has imported it; unconfigured it would print to stdout."""

    def __init__(self, handler: _StderrHandler) -> None:
        self._handler = handler

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != "structlog":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute, prepare = spec.loader.exec_module, self._handler.prepare

            def exec_module(module: ModuleType) -> None:
                execute(module)
                prepare()

            vars(spec.loader)["exec_module"] = exec_module
        return spec


def _render_line(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    """`level: event  key=value`, a traceback below."""
    level, message = event.pop("level", method), event.pop("event", "")
    trace = event.pop("exception", None)
    pairs = "".join(f"  {key}={value}" for key, value in event.items())
    return printable(f"{level}: {message}{pairs}") + (f"\n{trace}" if trace else "")
