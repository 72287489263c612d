"""`${NAME}`, `${NAME:-default}` and `${secret:REFERENCE}` in values; `$${` stands for `${` itself.

References are replaced in each scalar after YAML was parsed, so that any password works, and never in keys.
"""

from __future__ import annotations

import dataclasses
import io
import os
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ducklake.config.node import Node, dotted
from ducklake.config.node import Path as NodePath
from ducklake.config.redaction import Redactor
from ducklake.config.validation import SECRET_KEY
from ducklake.errors import ConfigurationError, DuckLakeError, Problem

__all__ = ["Environment", "Redactor", "SecretResolver", "resolve"]

SecretResolver = Callable[[str], str | None]
"""Answers the REFERENCE of `${secret:REFERENCE}`, or None."""

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_VARIABLE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?\Z", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True)
class Environment:
    """The variables that references can name: those of the process, then those of `.env`.

    Attributes:
        variables: All of them; a snapshot.
        secrets: Answers `${secret:...}`; None where no plugin can.
        redactor: Told every secret that is handed out.
    """

    variables: Mapping[str, str] = dataclasses.field(repr=False)
    secrets: SecretResolver | None = None
    redactor: Redactor = dataclasses.field(default_factory=Redactor, repr=False)

    @classmethod
    def load(cls, project: Path, secrets: SecretResolver | None = None, text: str | None = None) -> Environment:
        """Read `.env` of a project, under the variables of the process, which it never overrides or changes.

        Args:
            project: The folder that holds `config/`.
            secrets: Answers `${secret:...}`.
            text: What counts instead of what `.env` holds.

        Raises:
            ConfigurationError: `.env` cannot be read; with the line.
        """
        return cls({**_dotenv(project / ".env", text), **os.environ}, secrets)

    def look_up(self, reference: str) -> str | None:
        """The value behind a reference, or None if there is none.

        Args:
            reference: What stands between the braces.

        Raises:
            ValueError: It is no reference.
            DuckLakeError: A plugin that keeps secrets failed.
        """
        if reference.startswith("secret:"):
            value = self.secrets(reference.removeprefix("secret:")) if self.secrets else None
            self.redactor.add(value)
            return value
        match = _VARIABLE.match(reference)
        if match is None:
            raise ValueError(reference)
        name, default = match.groups()
        value = self.variables.get(name)
        if default is not None and not value:
            value = default
        if SECRET_KEY.search(name):
            self.redactor.add(value)
        return value


def resolve(node: Node, environment: Environment, *, mask: bool = False) -> tuple[Node, list[Problem]]:
    """Replace the references in all values below a node.

    Args:
        node: As loaded.
        environment: Where values come from.
        mask: Whether the values of keys such as `password` are secrets, also where they are written out.

    Returns:
        The resolved node, which also knows what came out of references, and a problem for every place and
        variable without a value; such a place keeps its text.
    """
    references: dict[NodePath, tuple[Problem, ...]] = {}
    value = _walk(node, (), node.value, environment, references)
    if mask:
        _mask(value, environment.redactor)
    return (
        dataclasses.replace(node, value=value, references={**node.references, **references}),
        [problem for problems in references.values() for problem in problems],
    )


def _walk(node: Node, path: NodePath, value: Any, environment: Environment, references: dict[NodePath, tuple[Problem, ...]]) -> Any:
    if isinstance(value, dict):
        return {key: _walk(node, (*path, key), item, environment, references) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(node, (*path, index), item, environment, references) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    problems: list[Problem] = []
    text, replaced = _substitute(node, path, value, environment, problems)
    if replaced:
        references[node.path + path] = tuple(problems)
    return text


def _mask(value: Any, redactor: Redactor, key: str = "") -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            _mask(item, redactor, name)
    elif isinstance(value, list):
        for item in value:
            _mask(item, redactor, key)
    elif isinstance(value, str) and SECRET_KEY.search(key):
        redactor.add(value)


def _substitute(node: Node, path: NodePath, text: str, environment: Environment, problems: list[Problem]) -> tuple[str, bool]:
    replaced = False

    def replace(match: re.Match[str]) -> str:
        nonlocal replaced
        if match.group() == "$${":
            return "${"
        replaced = True
        try:
            value = environment.look_up(match.group(1) if match.group().endswith("}") else "")
        except ValueError:
            hint = "write ${NAME}, ${NAME:-default} or ${secret:REFERENCE}, and $${ for the text ${ itself"
            problems.append(node.problem("bad_reference", f"{dotted(path)}: what stands behind '${{' is no reference", *path, hint=hint))
            return match.group()
        except DuckLakeError as error:
            problems.append(node.problem(error.problem.code, f"{dotted(path)}: {error.problem.message}", *path, hint=error.problem.hint))
            return match.group()
        if value is None:
            problems.append(_missing(node, path, match.group(1), environment))
            return match.group()
        return value

    return _REFERENCE.sub(replace, text), replaced


def _missing(node: Node, path: NodePath, reference: str, environment: Environment) -> Problem:
    place = dotted(path)
    if reference.startswith("secret:"):
        hint = "install a plugin of kind secrets that knows it: ducklake plugins lists what is installed"
        return node.problem("missing_secret", f"{place} needs the secret '{reference[7:]}', which no plugin knows", *path, hint=hint)
    name = reference.partition(":-")[0]
    close = get_close_matches(name, environment.variables, n=1, cutoff=0.88)
    hint = f"did you mean {close[0]}?" if close else f"add {name}=... to .env, or export {name}"
    return node.problem("missing_variable", f"{place} needs the variable {name}, which is not set", *path, hint=hint)


def _dotenv(path: Path, text: str | None) -> dict[str, str]:
    if text is None and not path.is_file():
        return {}
    from dotenv.parser import parse_stream

    from ducklake.config.loader import read_text

    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(read_text(path, ".env") if text is None else text)):
        if binding.error:
            raise ConfigurationError("this line is no NAME=value", code="dotenv", file=".env", line=binding.original.line)
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values
