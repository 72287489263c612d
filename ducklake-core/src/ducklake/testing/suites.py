"""What all conformance suites share: words that switch tests on, and the rule for overriding one.

A plugin's test file is a class with a case:

    class TestMoon(ConnectorTests):
        case = ConnectorCase(MoonConnector, {"phases": 4})

A test that cannot pass yet is overridden with `@pytest.mark.xfail(reason="...")`, and in no other way: what a plugin does not
keep is then written down where everybody sees it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

HOSTILE_NAMES = ('with "quotes"', "select", "año 🦆", "a.b", " ", "--", "O'Brien", "{x} %s \\n", "Name")
"""Names that are data: nothing in them means anything."""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a test may put a source.

    Attributes:
        folder: An empty folder; relative paths of options are relative to it.
        fixture: Gives the value of a pytest fixture by name, for example `postgresql_url`.
    """

    folder: Path
    fixture: Callable[[str], Any]


class Suite:
    """Base of the suites.

    Attributes:
        case: What is tested.
    """

    case: ClassVar[Any]

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuse a standard test that is overridden without a reason."""
        super().__init_subclass__(**arguments)
        for name, value in vars(cls).items():
            standard = name.startswith("test_") and any(name in vars(base) for base in cls.__mro__[1:])
            if standard and not (cls.__module__.startswith("ducklake.testing.") or _has_reason(value)):
                raise TypeError(f"{cls.__name__}.{name} overrides a standard test; write @pytest.mark.xfail(reason=...) above it")

    def needs(self, word: str, what: str) -> None:
        """Skip a test that the case has not switched on.

        Args:
            word: A capability of the plugin, or a part of the case.
            what: Why the test needs it, in words.
        """
        cannot: Mapping[str, str] = getattr(self.case, "cannot", {})
        if word in cannot:
            pytest.skip(f"cannot {word.replace('_', ' ')}: {cannot[word]}")
        if word in dir(self.case) and not getattr(self.case, word):
            pytest.skip(f"{what}: the case has no {word}")


def _has_reason(value: object) -> bool:
    marks: Sequence[pytest.Mark] = getattr(value, "pytestmark", ())
    return any(mark.name == "xfail" and mark.kwargs.get("reason") for mark in marks)


def check_class(cls: type[Any], hook: str) -> None:
    """What holds for every class that a plugin registers.

    Args:
        cls: The class.
        hook: The hook that takes it.

    Raises:
        AssertionError: The registrar would refuse it, an option has no description, or an installed package offers a plugin of
            its kind and name that is broken: a misspelt hook, say, which no test of the class itself would notice.
    """
    from importlib import metadata

    from ducklake.errors import PluginError
    from ducklake.plugins.info import KINDS
    from ducklake.plugins.manager import PluginManager
    from ducklake.plugins.registry import Staging

    try:
        Staging().registrar(hook)(cls)
    except PluginError as error:
        raise AssertionError(str(error)) from error
    kind = next(kind for kind, offered in KINDS.items() if offered == hook)
    if any(point.name == f"{kind}.{cls.name}" for point in metadata.entry_points(group="ducklake")):
        try:
            getattr(PluginManager(), kind)(cls.name)
        except PluginError as error:
            raise AssertionError(str(error)) from error
    fields: Mapping[str, Any] = getattr(getattr(cls, "Options", None), "model_fields", {})
    silent = [name for name, field in fields.items() if not field.description]
    assert not silent, f"options without a description, which editors and `ducklake config schema` show: {', '.join(silent)}"


def refuses_unknown_options(cls: type[Any], options: Mapping[str, Any]) -> None:
    """Options with a key too many are refused, those of the case are taken.

    Args:
        cls: The class.
        options: Options that are right.

    Raises:
        AssertionError: They are not.
    """
    from pydantic import ValidationError

    try:
        cls.Options.model_validate(dict(options))
    except ValidationError as error:
        raise AssertionError(f"the options of the case are refused: {error}") from error
    try:
        cls.Options.model_validate({**options, "no_such_option": 1})
    except ValidationError:
        return
    raise AssertionError("an option that does not exist is taken silently; derive Options from ducklake.api.Options")


def same_rows(found: Sequence[Sequence[Any]], wanted: Sequence[Sequence[Any]], what: str) -> None:
    """Compare rows as a multiset.

    Args:
        found: What came.
        wanted: What should have.
        what: For the message.

    Raises:
        AssertionError: They differ.
    """
    came, should = sorted(map(_shown, found)), sorted(map(_shown, wanted))
    assert came == should, f"{what}: {_few(came)} instead of {_few(should)}"


def _shown(row: Sequence[Any]) -> str:
    return repr(list(row))


def _few(rows: Sequence[str]) -> str:
    cut = [row if len(row) < 200 else f"{row[:200]}..." for row in rows[:5]]
    return f"{len(rows)} rows ({'; '.join(cut)}{'; ...' if len(rows) > 5 else ''})"
