"""docs/reference/hooks.md shows every hook with its exact signature, and no other."""

import ast
import re
import subprocess
import sys

import pytest

from workspace import ROOT

PAGE = (ROOT / "docs/reference/hooks.md").read_text(encoding="utf-8")
SPECS = {
    node.name: node
    for node in ast.parse((ROOT / "ducklake-core/src/ducklake/hookspecs.py").read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef)
}


def signature(node: ast.FunctionDef) -> str:
    return f"def {node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"


@pytest.mark.parametrize("name", SPECS)
def test_hook_is_documented_with_its_signature(name):
    section = re.search(rf"^### `{name}`\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, f"hooks.md has no heading ### `{name}`"
    assert signature(SPECS[name]) in section.group(1)


def test_page_shows_no_hook_that_does_not_exist():
    assert set(re.findall(r"^### `(\w+)`", PAGE, re.MULTILINE)) == set(SPECS)


@pytest.mark.parametrize("name", SPECS)
def test_hook_says_when_it_is_called_and_shows_an_example(name):
    text = ast.get_docstring(SPECS[name])
    assert "Args:" in text
    assert "Example:" in text
    assert f"def {name}(" in text


def test_every_hook_has_a_contract_that_pluggy_accepts():
    code = "import pluggy, ducklake.hookspecs as h; m = pluggy.PluginManager('ducklake'); m.add_hookspecs(h); print(*sorted(vars(m.hook)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(SPECS) <= set(ran.stdout.split())
