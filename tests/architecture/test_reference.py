"""The generated pages of the reference are what the code says."""

import subprocess
import sys

from workspace import ROOT


def test_generated_pages_are_current():
    ran = subprocess.run([sys.executable, ROOT / ".ci/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
