"""What plugins have registered, and the registrars that check each class at the door."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Generic, TypeVar

from ducklake.errors import PluginError
from ducklake.plugins.info import PluginInfo

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Registered(Generic[T]):
    """A class that a plugin registered.

    Attributes:
        name: The word behind `type:`.
        cls: The class.
        plugin: Who registered it.
    """

    name: str
    cls: type[T]
    plugin: PluginInfo


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """A command that a plugin offers: its name, `package.module:function`, and a line of help."""

    name: str
    target: str
    help: str


@dataclasses.dataclass(frozen=True, slots=True)
class Contract:
    """What a `register_*` hook takes.

    Attributes:
        kind: The registry's word for it.
        module: Where the base classes are, imported when the first class comes.
        bases: Their names; a class must derive from one.
        options: Whether it must bring an `Options` model.
    """

    kind: str
    module: str
    bases: tuple[str, ...]
    options: bool = True


CONTRACTS = {
    "register_connectors": Contract("connector", "ducklake.api.connector", ("Connector",)),
    "register_transforms": Contract("transform", "ducklake.api.transform", ("Transform", "PythonTransform")),
    "register_quality_checks": Contract("check", "ducklake.api.quality", ("QualityCheck",)),
    "register_writers": Contract("writer", "ducklake.api.writer", ("StorageWriter",), options=False),
    "register_engines": Contract("engine", "ducklake.api.engine", ("Engine",), options=False),
}
COMMANDS = "register_commands"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")


class Staging:
    """What one plugin registers while its hooks run; it counts only if all of them end well."""

    def __init__(self) -> None:
        self.classes: list[tuple[str, str, type[Any]]] = []
        self.commands: list[Command] = []

    def registrar(self, hook: str) -> Callable[..., None]:
        """What is handed to a `register_*` hook.

        Args:
            hook: The hook's name.
        """
        if hook == COMMANDS:
            return self._command

        def register(cls: Any) -> None:
            self._class(CONTRACTS[hook], cls)

        return register

    @property
    def provides(self) -> tuple[str, ...]:
        """`connector.csv`, ..., in the order of registration."""
        return tuple(f"{kind}.{name}" for kind, name, _ in self.classes) + tuple(f"command.{command.name}" for command in self.commands)

    def _class(self, contract: Contract, cls: Any) -> None:
        word = " or ".join(contract.bases)
        if not inspect.isclass(cls):
            raise PluginError(f"it registers {cls!r:.80}, which is no class", hint=f"register a subclass of ducklake.api.{word}")
        module = import_module(contract.module)
        if not issubclass(cls, tuple(getattr(module, base) for base in contract.bases)):
            raise PluginError(f"it registers {cls.__qualname__}, which is no {word}", hint=f"derive it from ducklake.api.{word}")
        if inspect.isabstract(cls):
            methods = ", ".join(sorted(getattr(cls, "__abstractmethods__", ())))
            raise PluginError(f"{cls.__qualname__} lacks {methods}", hint=f"write {methods} as ducklake.api.{word} describes")
        if contract.options:
            self._require_options(cls)
        for name in (getattr(cls, "name", None), *getattr(cls, "aliases", ())):
            if not isinstance(name, str) or not _NAME.match(name):
                hint = 'give the class an attribute name = "..." of lower-case letters, digits, _ and -'
                raise PluginError(f"the name {name!r} of {cls.__qualname__} is not plain", hint=hint)
            if any((contract.kind, name) == (kind, other) for kind, other, _ in self.classes):
                raise PluginError(f"it registers the {contract.kind} {name!r} twice")
            self.classes.append((contract.kind, name, cls))

    @staticmethod
    def _require_options(cls: type[Any]) -> None:
        from ducklake.api.options import Options

        options = getattr(cls, "Options", None)
        if not inspect.isclass(options) or not issubclass(options, Options):
            hint = "give it a class Options(ducklake.api.Options), or Options = ducklake.api.NoOptions"
            raise PluginError(f"{cls.__qualname__} has no Options model", hint=hint)

    def _command(self, name: str, target: str, help: str) -> None:  # noqa: A002 - the registrar's public signature
        if not isinstance(name, str) or not _NAME.match(name):
            raise PluginError(f"the command's name {name!r} is not plain", hint="use lower-case letters, digits, _ and -")
        if not isinstance(target, str) or not _TARGET.match(target):
            raise PluginError(f"the command {name} has the target {target!r}", hint="write it as package.module:function")
        if any(name == other.name for other in self.commands):
            raise PluginError(f"it registers the command {name!r} twice")
        self.commands.append(Command(name, target, str(help)))


class Registry:
    """Everything that loaded plugins offer, by kind and name; a name may have several claims."""

    def __init__(self) -> None:
        self._classes: dict[tuple[str, str], list[Registered[Any]]] = {}
        self._commands: list[tuple[Command, PluginInfo]] = []

    def accept(self, staging: Staging, plugin: PluginInfo) -> None:
        """Take over what a plugin has registered.

        Args:
            staging: Its registrations.
            plugin: Who it is.
        """
        for kind, name, cls in staging.classes:
            self._classes.setdefault((kind, name), []).append(Registered(name, cls, plugin))
        self._commands.extend((command, plugin) for command in staging.commands)

    def claims(self, kind: str, name: str) -> list[Registered[Any]]:
        """Who registered a name; the same class through two entry points counts once.

        Args:
            kind: `connector`, ...
            name: The word behind `type:`.
        """
        unique: dict[type[Any], Registered[Any]] = {}
        for claim in self._classes.get((kind, name), []):
            unique.setdefault(claim.cls, claim)
        return list(unique.values())

    def of_kind(self, kind: str) -> Iterator[Registered[Any]]:
        """All registrations of a kind, by name.

        Args:
            kind: `connector`, ...
        """
        for found, name in sorted(self._classes):
            if found == kind:
                yield from self.claims(kind, name)

    @property
    def commands(self) -> list[tuple[Command, PluginInfo]]:
        """All commands, in the order of registration."""
        return list(self._commands)
