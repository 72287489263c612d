"""Tiny fake distributions with plugins, for tests: a folder with .dist-info and a module, to be put on sys.path."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path


def make_distribution(folder: Path, name: str, entry_points: Mapping[str, str], modules: Mapping[str, str], version: str = "1.0") -> Path:
    """Write a distribution as pip would leave it behind.

    Args:
        folder: Where packages are found (`sys.path`, PYTHONPATH).
        name: Of the distribution.
        entry_points: Of group `ducklake`.
        modules: Source texts by module name; indentation in common is taken away.
        version: Of the distribution.
    """
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    lines = ["[ducklake]", *(f"{point} = {target}" for point, target in entry_points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (info / "RECORD").write_text("", encoding="utf-8")
    for module, source in modules.items():
        (folder / f"{module}.py").write_text(textwrap.dedent(source), encoding="utf-8")
    return info


def transform_module(name: str, *, body: str = "", api: str = "api = 1") -> str:
    """The source of a plugin module with one transform.

    Args:
        name: Of the transform.
        body: Further lines of the module.
        api: The line that declares the contracts' version.
    """
    return f"""\
from ducklake.api import NoOptions, Transform, hookimpl
{api}

class Step(Transform[NoOptions]):
    name = {name!r}
    Options = NoOptions

    def to_sql(self, inputs, context):
        return f"SELECT * FROM {{inputs[0].sql}}"

@hookimpl
def register_transforms(register):
    register(Step)

{textwrap.dedent(body)}
"""
