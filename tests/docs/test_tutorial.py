"""The first tutorial, run as it stands: each file written, each command typed, each answer compared."""

import os
import subprocess
import sys
from pathlib import Path

from documentation import blocks
from ducklake.testing.project import environment
from workspace import ROOT

TUTORIAL = ROOT / "docs/tutorial/first-lake.md"


def test_first_lake(tmp_path):
    here, printed, ran = tmp_path, "", 0
    tools = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for block in blocks(TUTORIAL):
        if name := block.marks.get("file"):
            path = here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "bash":
            script = f"set -eu\n{block.text}\npwd > {tmp_path}/.here\n"
            done = subprocess.run(
                ["bash", "-c", script],
                cwd=here,
                env=environment(tools),
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
            assert done.returncode == int(block.marks.get("exit", 0)), f"{block}\n{block.text}{done.stdout}{done.stderr}"
            if done.returncode == 0:
                here = Path((tmp_path / ".here").read_text(encoding="utf-8").strip())
            printed, ran = done.stdout, ran + 1
        elif block.language == "text":
            words = [" ".join(word.strip("│|") for word in line.split()) for line in printed.splitlines()]
            for line in block.text.splitlines():
                assert any(line in " ".join(text.split()) for text in words), f"{block}: {line!r} is not in\n{printed}"
    assert ran >= 10
