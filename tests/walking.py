"""Walking through a page of the documentation: each file written, each command typed, each answer compared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from documentation import blocks
from ducklake.testing.project import environment

KEEP = 'printf "export PATH=%q\\n" "$PATH"; [ -z "${VIRTUAL_ENV:-}" ] || printf "export VIRTUAL_ENV=%q\\n" "$VIRTUAL_ENV"'
"""An environment that a block activates holds for the next."""


def walk(page: Path, folder: Path, variables: Mapping[str, str | None] | None = None) -> int:
    """Do in a folder what a page says, block by block, and return how many blocks of commands ran.

    Args:
        page: Its blocks are files (`<!-- file: NAME -->`), commands (bash, `<!-- exit: CODE -->`) and their answers (text).
        folder: Where to begin; `cd` of one block holds for the next.
        variables: Of the environment.
    """
    here, printed, ran, kept = folder, "", 0, folder / ".shell"
    tools = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **(variables or {})}
    for block in blocks(page):
        if name := block.marks.get("file"):
            path = here / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.language == "bash":
            script = (
                f"[ ! -e {kept} ] || . {kept}\nset -eu\n{block.text}\n[ $? = 0 ] || exit 1\npwd > {folder}/.here\n{{ {KEEP}; }} > {kept}\n"
            )
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
                here = Path((folder / ".here").read_text(encoding="utf-8").strip())
            printed, ran = done.stdout, ran + 1
        elif block.language == "text":
            words = [" ".join(word.strip("│|") for word in line.split()) for line in printed.splitlines()]
            for line in block.text.splitlines():
                assert any(" ".join(line.split()) in " ".join(text.split()) for text in words), f"{block}: {line!r} is not in\n{printed}"
    return ran
