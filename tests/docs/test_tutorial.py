"""The tutorials, run as they stand: each file written, each command typed, each answer compared."""

from walking import walk
from workspace import ROOT


def test_first_lake(tmp_path):
    assert walk(ROOT / "docs/tutorial/first-lake.md", tmp_path) >= 10
