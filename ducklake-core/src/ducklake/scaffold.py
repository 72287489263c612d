"""New projects, copied from the templates; a file that exists is never touched."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ducklake.errors import DataError

SETTINGS = "config/settings.yaml"
LAYERS = ("raw", "staging", "consume")
_NAMES = {"gitignore": ".gitignore", "env.example": ".env.example"}
"""Files whose own names would be at work, or be left out of a wheel, beside the templates."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file of a new project.

    Attributes:
        path: Relative to the project.
        created: False where a file of that name was there already and stays as it is.
    """

    path: str
    created: bool


def create_project(target: Path, template: str = "project") -> list[ProjectFile]:
    """Make a project that runs as it stands.

    Args:
        target: Its folder; made if it is missing.
        template: The folder of `ducklake/templates`.

    Returns:
        The template's files, and whether each was created.

    Raises:
        DataError: A folder cannot be made, or a file not be written.
    """
    try:
        for folder in ("config", *(f"data/{layer}" for layer in LAYERS)):
            (target / folder).mkdir(parents=True, exist_ok=True)
        (target / "data" / ".ducklake").mkdir(mode=0o700, exist_ok=True)
        made = [
            ProjectFile(path, _create(target / path, source.read_text(encoding="utf-8")))
            for path, source in _files(files("ducklake") / "templates" / template)
        ]
        if ProjectFile(SETTINGS, created=True) in made:  # else they may name another folder for the data
            from ducklake.catalog.store import Catalog

            Catalog(target / "data", target / "data" / ".ducklake").create()
        return made
    except OSError as error:
        raise DataError(f"{error.filename or target}: {error.strerror or error}", hint="choose another folder with --path") from error


def _files(folder: Traversable, parent: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _files(entry, f"{parent}{entry.name}/")
        else:
            yield parent + _NAMES.get(entry.name, entry.name), entry


def _create(path: Path, content: str) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
