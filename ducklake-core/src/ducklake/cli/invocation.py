"""One call of `ducklake`: what its global options say, and its ways to the lake, to stdout and to stderr."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ducklake.errors import Problem
    from ducklake.lake import Lake


@dataclasses.dataclass
class Invocation:
    """What every command gets as its first argument.

    Attributes:
        project: The folder of `-C`, or None to look for one upwards.
        json: Whether stdout gets one JSON document.
        verbose: How often `-v` was given.
        quiet: Whether results that only report what was done, warnings and progress are left out.
        command: The command's name, for the document.
        redact: Takes secrets out of texts that are printed; knows them once the lake is loaded.
        signal: The signal that interrupted the command, or None.
        cancel: Stops, from another thread, what the lake has running.
        warnings: What was warned of so far.
    """

    project: Path | None = None
    json: bool = False
    verbose: int = 0
    quiet: bool = False
    command: str = ""
    redact: Callable[[str], str] = dataclasses.field(default=str)
    signal: int | None = None
    cancel: Callable[[], None] = dataclasses.field(default=lambda: None)
    warnings: list[str] = dataclasses.field(default_factory=list)
    answered: bool = False
    _stdout: tuple[int, Any] | None = None

    def lake(self, path: Path | None = None, *, wait: float = 0) -> Lake:
        """The lake of `-C` or of the working folder, with logs as its settings say.

        Args:
            path: A folder to use instead.
            wait: Seconds to wait for tables that another process holds.
        """
        from ducklake.cli import logs
        from ducklake.cli.memory import give_back_what_is_freed

        give_back_what_is_freed()
        logs.configure(verbose=self.verbose, quiet=self.quiet)
        from ducklake.lake import Lake

        with self.working():
            lake = Lake(path or self.project, wait=wait)
            self.cancel = lake.cancel
            self.redact = lake.redactor.redact
            logging = lake.project.settings.logging
        logs.configure(level=logging.level, form=logging.format, verbose=self.verbose, quiet=self.quiet, redact=self.redact)
        return lake

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Keep stdout for the command's own answer: what plugins and their children print meanwhile goes to stderr."""
        from ducklake.run.guard import stdout_kept_clean

        stdout = sys.stdout
        with stdout_kept_clean() as saved:
            self._stdout = None if saved is None else (saved, stdout)
            try:
                yield
            finally:
                self._stdout = None

    def restore_stdout(self) -> None:
        """Give stdout back to the command's own answer while `working` still runs, and will never end."""
        if self._stdout is not None:
            descriptor, sys.stdout = self._stdout
            os.dup2(descriptor, 1)

    def say(self, text: str = "") -> None:
        """Print a line of a result, unless stdout is for a document.

        Args:
            text: The line.
        """
        if not self.json:
            sys.stdout.write(self.redact(text) + "\n")

    def report(self, text: str = "") -> None:
        """As `say`, for lines that only say what was done: `-q` leaves them out.

        Args:
            text: The line.
        """
        if not self.quiet:
            self.say(text)

    def warn(self, message: str) -> None:
        """Print a warning on stderr and keep it for the document.

        Args:
            message: One line.
        """
        self.warnings.append(message)
        if not self.quiet:
            from ducklake.cli.errors import write_line

            write_line("warning", self.redact(message))

    def document(self, results: Iterable[Mapping[str, Any]] = (), errors: Sequence[Problem] = (), **more: Any) -> None:
        """Print the document of `--json`, once; without `--json` nothing.

        Args:
            results: Its rows.
            errors: What went wrong; none makes the status `ok`.
            **more: Further keys.
        """
        status = "error" if errors else "ok"
        body = {"status": status, "command": self.command, "results": list(results), "errors": [error.to_json() for error in errors]}
        self.answer({**body, "warnings": self.warnings, **more})

    def answer(self, document: Mapping[str, Any]) -> None:
        """Print a document of another shape, once; without `--json` nothing.

        Args:
            document: Plain data.
        """
        if self.json and not self.answered:
            from ducklake.cli.render import write_json

            self.answered = True
            write_json(document, self.redact)
