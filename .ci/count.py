"""Count the tests (JUnit files) and checks of a `.ci/run`, print one line, and fail if anything did or nothing ran."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def tests(folder: Path) -> tuple[int, int, int]:
    """Tests that passed, failed and were skipped, in all JUnit files of a folder."""
    passed = failed = skipped = 0
    for report in folder.glob("junit-*.xml"):
        for suite in ET.parse(report).getroot().iter("testsuite"):
            total, left = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            passed, failed, skipped = passed + total - bad - left, failed + bad, skipped + left
    return passed, failed, skipped


def missing_servers(folder: Path) -> set[str]:
    """Why tests were skipped that only lacked a server: here that is a failure."""
    skips = (skip.get("message", "") for report in folder.glob("junit-*.xml") for skip in ET.parse(report).getroot().iter("skipped"))
    return {message for message in skips if message.startswith("needs a server")}


def main(folder: Path) -> int:
    """Print what failed and `N passed, N failed`: tests, and the checks that are no tests.

    Args:
        folder: Where `.ci/run` has put its records.
    """
    passed, failed, skipped = tests(folder)
    for line in (folder / "checks").read_text(encoding="utf-8").splitlines():
        status, name, _ = line.split("\t")
        if status != "ok":
            print(f"failed: {name}")
            failed += 0 if "tests" in name and failed else 1
        elif "tests" not in name:
            passed += 1
    for report in folder.glob("junit-mark-*.xml"):
        ran = sum(int(suite.get("tests", 0)) - int(suite.get("skipped", 0)) for suite in ET.parse(report).getroot().iter("testsuite"))
        if not ran:
            print(f"failed: no test runs under the mark {report.stem.removeprefix('junit-mark-')}")
            failed += 1
    for reason in sorted(missing_servers(folder)):
        print(f"failed: a test was skipped: {reason}")
        failed += 1
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
