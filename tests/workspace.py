"""The packages of this repository, read from their pyproject.toml files; for tests."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Package:
    """A plugin package under plugins/."""

    folder: Path

    def __str__(self) -> str:
        return self.folder.name

    @property
    def config(self) -> dict[str, Any]:
        return tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))

    @property
    def project(self) -> dict[str, Any]:
        return self.config["project"]

    @property
    def module(self) -> str:
        return self.folder.name.replace("-", "_")

    @property
    def source(self) -> Path:
        return self.folder / "src" / self.module

    @property
    def entry_points(self) -> dict[str, str]:
        return self.project.get("entry-points", {}).get("ducklake", {})

    @property
    def kinds(self) -> set[str]:
        return {name.partition(".")[0] for name in self.entry_points}

    @property
    def requires(self) -> set[str]:
        return {re.match(r"[\w.-]+", text).group().lower() for text in self.project["dependencies"]}


PLUGINS = [Package(path.parent) for path in sorted((ROOT / "plugins").glob("*/pyproject.toml"))]


@cache
def files_of_the_repository() -> tuple[Path, ...]:
    """What git tracks or would track; without git, nothing."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return tuple(sorted(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()))
