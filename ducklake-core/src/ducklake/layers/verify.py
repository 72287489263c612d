"""Whether the files of the lake still are what was committed: size and sha256 against the catalog."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ducklake.api.tables import TableRef
from ducklake.catalog.queries import LakeSnapshot, TableFile
from ducklake.layers.store import LakePaths, digest


@dataclasses.dataclass(frozen=True, slots=True)
class FileFinding:
    """A file that is not what the catalog says.

    Attributes:
        ref: Its table.
        path: Relative to the data folder.
        problem: What is wrong with it.
    """

    ref: TableRef
    path: str
    problem: str


def verify(paths: LakePaths, snapshot: Callable[[], LakeSnapshot], only: Collection[TableRef] = ()) -> tuple[int, list[FileFinding]]:
    """Read files from their beginning to their end and compare them with the catalog.

    Args:
        paths: Of the lake.
        snapshot: Asks the catalog; asked again where something is wrong, for a file may have been pruned meanwhile.
        only: Just these tables; empty means all.

    Returns:
        The number of files read, and what is wrong.
    """
    files = [(ref, file) for ref, table in snapshot().items() if not only or ref in only for file in table.files]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        problems = list(threads.map(partial(_problem, paths), [file for _, file in files]))
    findings = [FileFinding(ref, file.path, problem) for (ref, file), problem in zip(files, problems, strict=True) if problem]
    if findings:
        listed = {file.path for table in snapshot().values() for file in table.files}
        findings = [finding for finding in findings if finding.path in listed]
    return len(files), findings


def _problem(paths: LakePaths, file: TableFile) -> str | None:
    path = paths.absolute(file.path)
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"has {size} bytes, {file.size} were committed"
        return None if digest(path) == file.sha256 else "its content is not what was committed (sha256)"
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
