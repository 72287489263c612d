"""lake_plugins.py: in-house plugins in one file beside `config/`, loaded only where nobody else could have put it."""

from __future__ import annotations

import os
import stat
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

from ducklake.errors import PluginError
from ducklake.plugins.info import LOCAL, PluginInfo

FILE = "lake_plugins.py"


def local_plugin(project: Path | None) -> PluginInfo | None:
    """The project's own plugin file, not imported; None if there is none.

    Args:
        project: The project's folder.
    """
    if project is None or not (project / FILE).is_file():
        return None
    return PluginInfo("local", LOCAL, str(project / FILE), FILE, "")


def load_local(path: Path) -> ModuleType:
    """Execute the file after a look at whose it is; what is executed is exactly what was looked at.

    Args:
        path: The file.

    Raises:
        PluginError: It or its folder belongs to somebody else, or anybody may write it.
    """
    _refuse_foreign(path.parent, path.parent.stat())
    with path.open("rb") as file:
        _refuse_foreign(path, os.fstat(file.fileno()))
        source = file.read()
    module = ModuleType(f"{LOCAL}_{sha256(str(path).encode()).hexdigest()[:8]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickle look their module up
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return module


def _refuse_foreign(path: Path, found: os.stat_result) -> None:
    if not hasattr(os, "geteuid"):
        return
    what = "folder of lake_plugins.py" if stat.S_ISDIR(found.st_mode) else "file"
    if found.st_uid not in (os.geteuid(), 0):
        raise PluginError(f"the {what} belongs to another user (uid {found.st_uid})", hint=f"chown {os.geteuid()} {path}")
    if found.st_mode & stat.S_IWOTH:
        raise PluginError(f"the {what} may be written by everybody", hint=f"chmod o-w {path}")
