"""Finding files: one path, or a pattern."""

from __future__ import annotations

import glob
import os
from pathlib import Path


def is_pattern(path: str) -> bool:
    """Whether a path holds `*`, `?` or `[`.

    Args:
        path: As it stands in the configuration.
    """
    return glob.has_magic(path)


def find(path: Path) -> list[Path]:
    """The files that a path names, sorted; a path without pattern is returned unseen.

    A pattern means what it means in a shell: `*` and `**` leave out hidden names, folders are no files. A file
    whose very name looks like a pattern is found by its name. A dangling link that matches is returned, so that
    reading it fails: it was meant to be data.

    Args:
        path: Absolute, possibly with `*`, `?`, `[...]` or `**`.
    """
    text = str(path)
    if not is_pattern(text) or path.is_file():
        return [path]
    # Path.glob would match hidden names and not follow links.
    found = glob.glob(text, recursive=True)  # noqa: PTH207
    return [Path(name) for name in sorted(found) if not Path(name).is_dir()]


def without_doubles(files: list[Path]) -> tuple[list[Path], list[Path]]:
    """Split off second names of one file (hard or symbolic links), whose rows would count twice.

    Args:
        files: Files of one table, in order.

    Returns:
        The files to read, and the second names.
    """
    seen: set[tuple[int, int]] = set()
    single: list[Path] = []
    doubles: list[Path] = []
    for file in files:
        try:
            status = os.stat(file)  # noqa: PTH116 - Path.stat is the same call, slower
        except OSError:
            single.append(file)
            continue
        key = (status.st_dev, status.st_ino)
        (doubles if key in seen else single).append(file)
        seen.add(key)
    return single, doubles


def shown(path: Path, project: Path) -> str:
    """A file's name for messages: relative to the project where it lies inside.

    Args:
        path: The file.
        project: The project's folder.
    """
    name = str(path.relative_to(project)) if path.is_relative_to(project) else str(path)
    return name.encode("utf-8", "backslashreplace").decode("utf-8").replace("\n", "\\n").replace("\r", "\\r")
