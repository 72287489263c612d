"""Whether git would take `.env` along."""

from __future__ import annotations

import subprocess
from pathlib import Path


def would_take(root: Path, name: str) -> bool:
    """Whether a file lies in a git repository that neither ignores it nor leaves it out.

    Args:
        root: The project's folder.
        name: The file's name there.
    """
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return False
    try:
        asked = subprocess.run(
            ["git", "check-ignore", "--quiet", "--", name], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError:  # without git, as far as the project's own file tells
        ignore = root / ".gitignore"
        lines = ignore.read_text(encoding="utf-8", errors="replace").split() if ignore.is_file() else []
        return not {name, f"/{name}", f"{name}*"} & set(lines)
    return asked.returncode == 1
