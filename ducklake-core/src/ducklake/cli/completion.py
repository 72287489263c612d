"""Names that the shell completes: read from the project, silent where it cannot be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ducklake.config.project import Project


def sources(ctx: typer.Context, incomplete: str) -> list[str]:
    """Sources of sources.yaml.

    Args:
        ctx: Typer's.
        incomplete: What is typed so far.
    """
    return _matching(_project(ctx), "sources", incomplete)


def pipelines(ctx: typer.Context, incomplete: str) -> list[str]:
    """Pipelines of pipelines.yaml.

    Args:
        ctx: Typer's.
        incomplete: What is typed so far.
    """
    return _matching(_project(ctx), "pipelines", incomplete)


def tables(ctx: typer.Context, incomplete: str) -> list[str]:
    """Tables of the catalog.

    Args:
        ctx: Typer's.
        incomplete: What is typed so far.
    """
    try:
        from ducklake.lake import Lake

        found = [f"{row['layer']}.{row['domain']}.{row['table']}" for row in Lake(_folder(ctx)).catalog()]
    except Exception:
        return []  # a shell that waits for names is no place for an error
    return _starting(found, incomplete)


def _folder(ctx: typer.Context) -> Path | None:
    contexts = [ctx, *([ctx.parent] if ctx.parent else []), ctx.find_root()]
    return next((Path(given) for context in contexts if (given := context.params.get("project"))), None)


def _project(ctx: typer.Context) -> Project | None:
    try:
        from ducklake.config.project import find_project, load_project

        return load_project(_folder(ctx) or find_project(Path.cwd()))
    except Exception:
        return None  # as above


def _matching(project: Project | None, what: str, incomplete: str) -> list[str]:
    return _starting(getattr(project, what, ()), incomplete)


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
