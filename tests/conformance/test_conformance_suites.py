"""Every test of the conformance suites has a plugin that fails it, and a good plugin passes all of them."""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from ducklake.testing import CheckTests, ConnectorTests, EngineTests, TransformTests, WriterTests
from ducklake.testing.project import environment

HOSTILE = Path(__file__).parent / "hostile"
SUITES = {
    "connectors.py": {"TestHostile_": ConnectorTests},
    "steps.py": {"TestHostileTransform_": TransformTests, "TestHostileCheck_": CheckTests},
    "formats.py": {"TestHostileWriter_": WriterTests, "TestHostileEngine_": EngineTests},
}


def outcomes(folder: Path, *arguments: str) -> dict[str, set[str]]:
    """What became of each test, by class and name: `passed`, `failed`, `skipped`."""
    (folder / "pytest.ini").write_text("[pytest]\npython_files = *.py\naddopts = --import-mode=importlib\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--junitxml=report.xml", *arguments]
    ran = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    found: dict[str, set[str]] = {}
    for test in ET.parse(folder / "report.xml").iter("testcase"):
        state = next((child.tag for child in test if child.tag in {"failure", "error", "skipped"}), "passed")
        name = test.get("classname", "").rpartition(".")[2] + "." + test.get("name", "").partition("[")[0]
        found.setdefault(name, set()).add({"failure": "failed", "error": "error"}.get(state, state))
    return found


def standard(suite: type) -> set[str]:
    return {name for name in dir(suite) if name.startswith("test_")}


def test_each_standard_test_has_a_plugin_that_fails_it_and_a_good_plugin_passes_all(tmp_path):
    for file in SUITES:
        shutil.copy(HOSTILE / file, tmp_path)
    shutil.copy(HOSTILE / "selection.py", tmp_path / "conftest.py")
    found = outcomes(tmp_path, *SUITES)
    report = (tmp_path / "report.xml").read_text(encoding="utf-8")
    assert not re.search("ImportError|ModuleNotFoundError|NameError|SyntaxError", report), "a sample plugin itself is broken"
    for prefix, suite in (pair for suites in SUITES.values() for pair in suites.items()):
        proven = {name.partition(".")[2] for name, states in found.items() if name.startswith(prefix) and "failed" in states}
        assert proven == standard(suite), f"nothing fails {sorted(standard(suite) - proven)} of {suite.__name__}"
    good = {name: states for name, states in found.items() if name.startswith("TestGood")}
    assert len(good) > 25
    assert {state for states in good.values() for state in states} == {"passed", "skipped"}, good


OVERRIDDEN = {
    "silent": "class TestSilent(ConnectorTests):\n    def test_it_connects(self):\n        pass\n",
    "honest": (
        "class TestHonest(ConnectorTests):\n    case = case(NameOfItsOwn)\n\n"
        "    @pytest.mark.xfail(reason='the name is historical')\n"
        "    def test_the_class_can_be_registered(self):\n        super().test_the_class_can_be_registered()\n"
    ),
    "words": (
        "class TestWords(ConnectorTests):\n"
        "    case = case(type('Short', (Good,), {'session': Cutting}), cannot={'hold_huge_cells': 'the device has 64 kB'})\n"
    ),
}


def test_a_standard_test_is_overridden_or_switched_off_with_a_reason_only(tmp_path):
    shutil.copy(HOSTILE / "connectors.py", tmp_path)
    for name, body in OVERRIDDEN.items():
        head = "import pytest\nfrom connectors import Cutting, Good, NameOfItsOwn, case\nfrom ducklake.testing import ConnectorTests\n\n\n"
        (tmp_path / f"{name}.py").write_text(head + body, encoding="utf-8")
    chosen = "(registered and TestHonest) or (huge and TestWords)"
    found = outcomes(
        tmp_path, "--import-mode=prepend", "--continue-on-collection-errors", *(f"{name}.py" for name in OVERRIDDEN), "-k", chosen
    )
    report = (tmp_path / "report.xml").read_text(encoding="utf-8")
    assert "TestSilent.test_it_connects overrides a standard test; write @pytest.mark.xfail(reason=...) above it" in report
    assert found.pop("TestHonest.test_the_class_can_be_registered") == {"skipped"}
    assert found.pop("TestWords.test_a_huge_cell_lands") == {"skipped"}
    assert "the name is historical" in report
    assert "the device has 64 kB" in report
