"""Asking at a terminal: questions and lists go to stderr, stdout keeps the answer."""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ducklake_command_add_source.keys import exact, is_pattern
from ducklake_command_add_source.shape import Field
from ducklake_command_add_source.usage import usage

if TYPE_CHECKING:
    from rich.table import Table

    from ducklake.api import SourceTable
    from ducklake_command_add_source.keys import Proposal

LISTED = 60
"""So many tables are listed with a number; all can be named."""


class Dialog:
    """Questions to somebody who sits at a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)

    @staticmethod
    def possible() -> bool:
        """Whether somebody sits there: both stdin and stderr are terminals."""
        return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))

    def say(self, text: str = "") -> None:
        """Show a line.

        Args:
            text: The line; control characters are shown as such.
        """
        self._console.print(shown(text))

    def ask(self, question: str, default: str | None = None, choices: Sequence[str] = ()) -> str:
        """Ask for a line of text; without a default until there is one.

        Args:
            question: Without a colon.
            default: What an empty line means.
            choices: The only answers, if there are some.
        """
        words = f" [{'/'.join(choices)}]" if choices else ""
        proposal = f" ({default})" if default else ""
        while True:
            answer = self._line(f"{question}{words}{proposal}: ").strip()
            answer = answer or (default or "")
            if (answer or default is not None) and (not choices or answer in choices or answer == default):
                return answer
            self.say(f"  one of {', '.join(choices)}" if choices else "  an answer is needed; Ctrl-C leaves, and nothing is written")

    def ask_hidden(self, question: str) -> str:
        """Ask for a secret: what is typed is not shown. An empty line means none.

        Args:
            question: Without a colon.
        """
        return self._line(f"{question}: ", hidden=True)

    def ask_for(self, field: Field) -> str | None:
        """Ask for an option; None leaves it out.

        Args:
            field: The option.
        """
        if field.description:
            self.say(f"  {field.description}")
        default = "" if field.default is None else str(field.default)
        answer = self.ask(field.label, None if field.required else default, field.choices)
        return None if answer == default and not field.required else answer

    def agrees(self, question: str) -> bool:
        """Ask for a yes or no; an empty line means yes.

        Args:
            question: Without a question mark.
        """
        return self.ask(f"{question}?", "y", ("y", "n")) == "y"

    def choose_tables(self, tables: Sequence[SourceTable]) -> list[str]:
        """Let tables be chosen, by number, name or pattern.

        Args:
            tables: What the source offers.
        """
        view = _view("", "table", "kind", "rows (about)")
        for number, table in enumerate(tables[:LISTED], 1):
            view.add_row(str(number), shown(table.name), table.kind, count(table.rows_estimate))
        self._console.print(view)
        if len(tables) > LISTED:
            self.say(f"  and {len(tables) - LISTED:,} more")
        names = [table.name for table in tables]
        while True:
            answer = self.ask("Which tables: numbers (1 3-5), names, patterns; * takes all, also later ones", "*")
            chosen, wrong = _chosen(answer, names)
            if chosen and not wrong:
                return chosen
            self.say(f"  no table {', '.join(wrong)}")

    def show_proposals(self, proposals: Sequence[Proposal]) -> None:
        """List what would be done with each table.

        Args:
            proposals: One a table.
        """
        view = _view("table", "rows (about)", "mode", "key", "")
        for item in proposals:
            view.add_row(shown(item.table), count(item.rows), item.mode or "by content", shown(item.key or ""), item.note or "")
        self._console.print(view)

    def _line(self, prompt: str, *, hidden: bool = False) -> str:
        try:
            # getpass switches the echo off before it shows the question: nobody can type too early
            return getpass.getpass(prompt) if hidden else self._console.input(prompt, markup=False, emoji=False)
        except EOFError:
            raise usage("the answers ended; nothing was written", "give the rest by options: ducklake add-source --help") from None


def _chosen(answer: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names and patterns that an answer means, and the words in it that mean nothing."""
    chosen: list[str] = []
    wrong: list[str] = []
    for word in filter(None, re.split(r"[,\s]+", answer)):
        numbers = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", word)
        if word in names or is_pattern(word):
            chosen.append(word)
        elif numbers and 1 <= int(numbers[1]) <= int(numbers[2] or numbers[1]) <= len(names):
            chosen += [exact(name) for name in names[int(numbers[1]) - 1 : int(numbers[2] or numbers[1])]]
        else:
            wrong.append(word)
    return list(dict.fromkeys(chosen)), wrong


def _view(*headings: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    view = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        view.add_column(heading, justify="right" if heading in ("", "rows (about)") and heading != headings[-1] else "left")
    return view


def count(rows: int | None) -> str:
    """A number of rows for people.

    Args:
        rows: The number, or None if it is not known.
    """
    return "?" if rows is None else f"{rows:,}"


def shown(text: str) -> str:
    """A text without control characters that could drive a terminal.

    Args:
        text: Perhaps out of a source.
    """
    return "".join(
        part if part.isprintable() or part in "\t\n" else part.encode("unicode_escape", "backslashreplace").decode() for part in text
    )
