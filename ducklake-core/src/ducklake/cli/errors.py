"""How a failure looks on stderr, in the document of `--json`, and to the shell."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from ducklake.cli.invocation import Invocation
from ducklake.errors import DataError, DuckLakeError, InternalError, Problem

_COLORS = {"error": "1;31", "warning": "1;33", "hint": "1;36", "note": "1;36"}
BROKEN_PIPE = 141
"""What a shell sees of a program whose reader went away (128 + SIGPIPE)."""


def write_line(kind: str, message: str) -> None:
    """Write `kind: message` to stderr, in colour on a terminal.

    Args:
        kind: `error`, `warning`, `hint` or `note`.
        message: What follows; lines after the first are indented.
    """
    colored = sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    head = f"\x1b[{_COLORS[kind]}m{kind}:\x1b[0m" if colored else f"{kind}:"
    sys.stderr.write(f"{head} {printable(message)}\n")


def printable(text: str) -> str:
    """Text without control characters that could drive a terminal; line ends stay, indented.

    Args:
        text: Any text, perhaps out of a source.
    """
    if text.isprintable():
        return text
    lines = ("".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in line) for line in text.split("\n"))
    return "\n  ".join(lines)


def write_problem(problem: Problem, redact: Callable[[str], str] = str) -> None:
    """Write a problem: place and cause, then the hint on a line of its own.

    Args:
        problem: What is wrong.
        redact: Takes secrets out.
    """
    write_line("error", redact(f"{problem.place}: {problem.message}" if problem.place else problem.message))
    if problem.hint:
        write_line("hint", redact(problem.hint))


def failed(cli: Invocation, error: BaseException) -> int:
    """Print a failure that ended the command.

    Args:
        cli: The call.
        error: What was raised.

    Returns:
        The exit code.
    """
    if cli.signal is not None or isinstance(error, KeyboardInterrupt):
        return interrupted(cli)
    if isinstance(error, BrokenPipeError):
        return broken_pipe()
    known = error if isinstance(error, DuckLakeError) else _translate(error)
    for problem in known.problems:
        write_problem(problem, cli.redact)
    if cli.verbose:
        import traceback

        sys.stderr.write(cli.redact("".join(traceback.format_exception(error))))
    cli.document(errors=known.problems)
    return known.exit_code


def broken_pipe() -> int:
    """End quietly when the reader of stdout has gone, as `ducklake query ... | head` does."""
    # Python flushes stdout once more on exit; into the void instead of into the broken pipe
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE


def interrupted(cli: Invocation) -> int:
    """Print that a signal ended the command.

    Args:
        cli: The call.

    Returns:
        The exit code.
    """
    code = 128 + (cli.signal or 2)
    problem = Problem("interrupted", "interrupted; tables that were finished stay, the others are as before", "run the same command again")
    sys.stderr.write("\n" if sys.stderr.isatty() else "")
    write_problem(problem)
    cli.document(errors=[problem])
    return code


def _translate(error: BaseException) -> DuckLakeError:
    cause = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return DataError(f"{place}{error.strerror}", code="file")
    if isinstance(error, MemoryError):
        return DataError("out of memory", hint="set engine.memory_limit in config/settings.yaml, or close other programs")
    return InternalError(f"unexpected {cause}", hint="this is a defect of DuckLake; add -v to see where, and report it")
