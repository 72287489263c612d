"""Every hook is called by the installed command, with exactly the parameters that it declares."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

from ducklake import hookspecs
from ducklake.plugins.hooks import SPECIFICATIONS
from ducklake.plugins.info import KINDS
from ducklake.testing import LakeProject
from plugin_factory import make_distribution

HEAD = """
import json
import os

from ducklake.api import hookimpl

api = 1


def note(hook, **given):
    with open(os.environ["HOOKS_CALLED"], "a") as file:
        file.write(json.dumps([hook, {name: type(value).__name__ for name, value in given.items()}]) + "\\n")
"""
REGISTRARS = {name for name in KINDS.values() if name and name.startswith("register_")}
WORKING = """
from ducklake.api import NoOptions, RowsConnector


class Two(RowsConnector[NoOptions]):
    name = "two"

    def schemas(self):
        import pyarrow as pa

        text = pa.schema([("id", pa.string())])
        return {"good": pa.schema([("id", pa.int64())]) if "FIRST" in os.environ else text, "bad": text}

    def rows(self, table):
        return [{"id": None}] if table == "good" else [{"id": 1}]
"""


def implementation(hook: str) -> str:
    """A function that takes all parameters of a hook and notes that it was called."""
    parameters = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    body = f"    note({hook!r}, {', '.join(f'{name}={name}' for name in SPECIFICATIONS[hook])})\n"
    if hook == "register_connectors":
        body += "    register(Two)\n"
    if hook == "register_commands":
        body += "    register('noted', 'noted_command:noted', 'Note.')\n"
    if hook == "resolve_secret":
        body += "    return 'two' if reference == 'kind' else None\n"
    return f"\n\n@hookimpl\ndef {hook}({parameters}):\n{body}"


def test_every_hook_is_called_with_what_it_declares(lake_project: Callable[..., LakeProject], tmp_path: Path) -> None:
    site, called = tmp_path / "site", tmp_path / "called"
    site.mkdir()
    for kind, hook in KINDS.items():
        hooks = [hook] if hook else sorted(set(SPECIFICATIONS) - REGISTRARS - {"resolve_secret"})
        module, extra = f"hook_{kind}", WORKING if kind == "connector" else ""
        make_distribution(site, f"acme-{kind}", {f"{kind}.two": module}, {module: HEAD + extra + "".join(map(implementation, hooks))})
    (site / "noted_command.py").write_text("def noted() -> None:\n    print('noted')\n", encoding="utf-8")
    pipeline = {
        "name": "p",
        "source": {"layer": "raw", "domain": "s", "table": "good"},
        "destination": {"layer": "staging", "domain": "d", "table": "t"},
        "quality_checks": [{"type": "not_null", "columns": ["id"]}],
    }
    lake = lake_project(
        {
            "config/sources.yaml": {"sources": [{"name": "s", "type": "${secret:kind}"}]},
            "config/pipelines.yaml": {"pipelines": [pipeline]},
        }
    )
    env = {"PYTHONPATH": str(site), "HOOKS_CALLED": str(called)}
    lake.fails(1, "extract", "s", env={**env, "FIRST": "yes"})
    lake.fails(1, "extract", "s", env=env)
    lake.fails(3, "run", "p", env=env)
    assert lake.ok("noted", env=env).stdout == "noted\n"
    lake.run("plugins", "--check", env=env)
    found = [json.loads(line) for line in called.read_text(encoding="utf-8").splitlines()]
    assert {hook for hook, _ in found} == set(SPECIFICATIONS)
    types = {(hook, name): kind for hook, given in found for name, kind in given.items()}
    assert {hook: tuple(name for other, name in types if other == hook) for hook in SPECIFICATIONS} == dict(SPECIFICATIONS)
    for (hook, name), kind in types.items():
        declared = inspect.signature(getattr(hookspecs, hook)).parameters[name].annotation
        assert kind == declared or declared.endswith("Registrar"), f"{hook} gets a {kind}, and declares {name}: {declared}"
