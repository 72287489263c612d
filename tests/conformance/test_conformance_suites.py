"""Every test of the conformance suites has a plugin that fails it, and a good plugin passes all of them."""

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("file", SUITES)
def test_each_standard_test_has_a_plugin_that_fails_it(file, tmp_path):
    shutil.copy(HOSTILE / file, tmp_path)
    shutil.copy(HOSTILE / "selection.py", tmp_path / "conftest.py")
    found = outcomes(tmp_path, file)
    for prefix, suite in SUITES[file].items():
        proven = {name.partition(".")[2] for name, states in found.items() if name.startswith(prefix) and "failed" in states}
        assert proven == standard(suite), f"nothing fails {sorted(standard(suite) - proven)} of {suite.__name__}"


@pytest.mark.parametrize(
    ("file", "classes"),
    [("connectors.py", ["TestGood"]), ("steps.py", ["TestGoodTransform", "TestGoodTransformInPython", "TestGoodCheck"])],
)
def test_a_good_plugin_passes_all(file, classes, tmp_path):
    shutil.copy(HOSTILE / file, tmp_path)
    found = outcomes(tmp_path, *(f"{file}::{name}" for name in classes))
    assert {state for states in found.values() for state in states} == {"passed", "skipped"}, found


def test_overriding_a_standard_test_needs_a_reason(tmp_path):
    (tmp_path / "silent.py").write_text(
        "from ducklake.testing import ConnectorTests\n\n\nclass TestMine(ConnectorTests):\n    def test_it_connects(self):\n        pass\n",
        encoding="utf-8",
    )
    with pytest.raises(
        AssertionError, match=r"TestMine.test_it_connects overrides a standard test; write @pytest.mark.xfail\(reason=...\)"
    ):
        outcomes(tmp_path, "silent.py")


def test_with_a_reason_it_is_written_down(tmp_path):
    shutil.copy(HOSTILE / "connectors.py", tmp_path)
    (tmp_path / "honest.py").write_text(
        "import pytest\nfrom connectors import NameOfItsOwn, case\nfrom ducklake.testing import ConnectorTests\n\n\n"
        "class TestMine(ConnectorTests):\n    case = case(NameOfItsOwn)\n\n"
        "    @pytest.mark.xfail(reason='the name is historical')\n"
        "    def test_the_class_can_be_registered(self):\n        super().test_the_class_can_be_registered()\n",
        encoding="utf-8",
    )
    found = outcomes(tmp_path, "--import-mode=prepend", "honest.py", "-k", "registered and TestMine")
    assert found == {"TestMine.test_the_class_can_be_registered": {"skipped"}}


def test_words_switch_tests_off_with_a_reason(tmp_path):
    shutil.copy(HOSTILE / "connectors.py", tmp_path)
    (tmp_path / "words.py").write_text(
        "from connectors import Cutting, case, Good\nfrom ducklake.testing import ConnectorTests\n\n\n"
        "class TestMine(ConnectorTests):\n"
        "    case = case(type('Short', (Good,), {'session': Cutting}), cannot={'hold_huge_cells': 'the device has 64 kB'})\n",
        encoding="utf-8",
    )
    found = outcomes(tmp_path, "--import-mode=prepend", "words.py", "-k", "huge and TestMine")
    assert found == {"TestMine.test_a_huge_cell_lands": {"skipped"}}
