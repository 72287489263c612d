"""The typed registrars that core hands to the `register_*` hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ducklake.api.connector import Connector
    from ducklake.api.engine import Engine
    from ducklake.api.quality import QualityCheck
    from ducklake.api.transform import PythonTransform, Transform
    from ducklake.api.writer import StorageWriter


class ConnectorRegistrar(Protocol):
    """Takes connectors."""

    def __call__(self, connector: type[Connector[Any]]) -> None:
        """Register a connector class under its `name`.

        Raises:
            PluginError: It is no connector class, or lacks `name` or `Options`.
        """


class TransformRegistrar(Protocol):
    """Takes transforms."""

    def __call__(self, transform: type[Transform[Any]] | type[PythonTransform[Any]]) -> None:
        """Register a transform class under its `name`.

        Raises:
            PluginError: It is no transform class, or lacks `name` or `Options`.
        """


class QualityCheckRegistrar(Protocol):
    """Takes quality checks."""

    def __call__(self, check: type[QualityCheck[Any]]) -> None:
        """Register a check class under its `name` and `aliases`.

        Raises:
            PluginError: It is no check class, or lacks `name` or `Options`.
        """


class WriterRegistrar(Protocol):
    """Takes storage writers."""

    def __call__(self, writer: type[StorageWriter]) -> None:
        """Register a writer class under its `name`.

        Raises:
            PluginError: It is no writer class, or lacks `name`.
        """


class EngineRegistrar(Protocol):
    """Takes engines."""

    def __call__(self, engine: type[Engine]) -> None:
        """Register an engine class under its `name`.

        Raises:
            PluginError: It is no engine class, or lacks `name`.
        """


class CommandRegistrar(Protocol):
    """Takes commands of the CLI."""

    def __call__(self, name: str, target: str, help: str) -> None:  # noqa: A002 - the word that typer uses
        """Register a command without importing it.

        Args:
            name: What the user types.
            target: `package.module:function`, a function that typer can turn into a command.
            help: One line for `--help`.

        Raises:
            PluginError: The name is not plain, or the target has no `:`.
        """
