"""`ducklake demo`: a shop, its courier, two days, and the lake that is made of them."""

from __future__ import annotations

import shlex
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ducklake.cli import demo_data, outcome, render, rows
from ducklake.cli.invocation import Invocation
from ducklake.cli.progress import watched
from ducklake.errors import ConfigurationError, PluginError
from ducklake.scaffold import create_project

if TYPE_CHECKING:
    from ducklake.api.results import TableResult
    from ducklake.lake import Lake

PLUGINS = frozenset({"connector.sqlite", "connector.csv", "checks.standard"}) | {
    f"transform.{name}" for name in ("rename", "cast", "filter", "deduplicate", "sql")
}
MARK = "# ducklake demo"
HELD_BACK = "facturas"
"""The pipeline whose second run is meant to fail its check."""

QUESTION = """\
SELECT transportista, envios, dias, coste, coste_pct
FROM consume.bi.entregas ORDER BY dias"""


def command(
    cli: Invocation,
    path: Annotated[Path, typer.Option("--path", metavar="DIR", help="The demo's own folder.")] = Path("ducklake-demo"),
) -> None:
    """Watch a whole lake work, on generated data: two sources, two days, three layers, one mistake caught.

    Everything happens in one folder, which is left for you to look around in.

    Args:
        cli: The call.
        path: The folder.
    """
    started = time.monotonic()
    _prepare(path)
    again = (path / "data" / "catalog.duckdb").exists()  # the shop is the old one again, so increments have nothing to go on from
    shop, drops = path / "shop.db", path / "drops"
    _say(cli, "", f"A shop, its courier, two days, and a lake. All of it happens in {path}")

    _head(cli, 1, "The sources, as dirty as real ones")
    _list(cli, {"shop.db": _rows(demo_data.create_shop(shop)), "drops/*.csv": _rows(demo_data.create_drops(drops))})
    _say(cli, "   Duplicates, NULLs, dates like 0000-00-00, ACTIVO written in four ways.")

    lake = cli.lake(path)
    results = _work(cli, lake, 2, "Day one: copy everything into raw, as it is", "extract", anew=again)
    _say(cli, f"   -> {_example(results, 'pedidos')}")
    for item in results:
        for note in item.notes:
            _wrap(cli, f"note: {outcome.label(item)}: {note}")
    results += _work(cli, lake, 3, "raw to staging (clean) to consume (ready for BI)", "run")

    _head(cli, 4, "A day passes at the shop")
    news = {**demo_data.change_shop(shop), **demo_data.add_drop(drops)}
    _list(cli, {"new": _rows(news), "wrong": f"{demo_data.BAD_INVOICES} invoices with a negative total"})

    increments = _work(cli, lake, 5, "Day two: the same commands; only what is new is read", "extract")
    _say(cli)
    _wrap(cli, _saved(lake, increments))
    results += increments
    results += _work(cli, lake, None, "", "run", held_back=True)
    held = [item for item in results if item.status == "error"]
    for item in held:
        _explain(cli, lake, item)

    answer = lake.query(QUESTION)
    found = list(rows.python_rows(answer))
    _head(cli, 6, "Two sources, one answer", f'query "{QUESTION}"')
    _table(cli, [column["name"] for column in answer.columns], [[rows.cell(value) for value in row] for row in found])

    seconds = time.monotonic() - started
    _farewell(cli, path, seconds)
    query = {"sql": QUESTION, "columns": answer.columns, "rows": [[rows.json_value(value) for value in row] for row in found]}
    cli.document(
        (item.to_json() for item in results),
        project=str(path.resolve()),
        held_back=[item.pipeline for item in held],
        query=query,
        seconds=round(seconds, 3),
    )


def _prepare(path: Path) -> None:
    """Check what the demo needs before it writes anything; then make its project."""
    from ducklake.plugins.discovery import installed_plugins

    usable = {info.id for info in installed_plugins() if info.status == "installed"}
    if missing := sorted(PLUGINS - usable):
        raise PluginError(f"the demo needs plugins that are not installed: {', '.join(missing)}", hint="pip install 'ducklake-core[demo]'")
    marker = path / "config" / "sources.yaml"
    is_demo = marker.is_file() and marker.read_text(encoding="utf-8", errors="replace").startswith(MARK)
    if path.exists() and not is_demo and (not path.is_dir() or any(path.iterdir())):
        message = f"{path}: there is something else already, and the demo overwrites nothing"
        raise ConfigurationError(message, code="exists", hint="ducklake demo --path OTHER_FOLDER")
    create_project(path, "demo")


def _work(
    cli: Invocation, lake: Lake, number: int | None, heading: str, what: str, *, held_back: bool = False, anew: bool = False
) -> list[TableResult]:
    """Extract or run everything and show it; whatever fails that is not meant to ends the demo."""
    if number is not None:
        _head(cli, number, heading, f"{what} --all{' --full' if anew else ''}")
    else:
        _say(cli)
        _type(cli, f"{what} --all")
    with watched(cli) as progress:
        result = lake.extract(all=True, full=anew, progress=progress) if what == "extract" else lake.run(all=True, progress=progress)
    if any(item.status == "error" and not (held_back and item.pipeline == HELD_BACK and item.checks) for item in result.results):
        outcome.finish(cli, result)
    if not cli.json and not cli.quiet:
        outcome.write_results(result.results, indent="   ")
    return list(result.results)


def _saved(lake: Lake, increments: list[TableResult]) -> str:
    """How much of the sources the second extraction had to copy."""
    copied = sum(item.rows for item in increments)
    held = sum(int(row["rows"]) for row in lake.catalog() if row["layer"] == "raw")
    return f"Copied {copied:,} rows, not {held:,}: new orders and invoices, customers that changed, the courier's one new file."


def _explain(cli: Invocation, lake: Lake, held: TableResult) -> None:
    """Show what the failed check has kept away from the readers."""
    failed = next(check for check in held.checks if not check.passed)
    kept = lake.query("SELECT count(*) AS n, min(total) AS smallest FROM staging.ventas.facturas")
    rows_kept, smallest = next(rows.python_rows(kept))
    text = (
        f"Held back: {outcome.describe(failed)}. Nothing of that run was published: whoever reads staging.ventas.facturas "
        f"still sees the last good table, {rows_kept:,} rows, smallest total {smallest}."
    )
    _say(cli)
    _wrap(cli, text)


def _farewell(cli: Invocation, path: Path, seconds: float) -> None:
    _say(cli, "", f"Done in {seconds:.1f} s. It is a folder of Parquet, YAML and one catalog; look around:", "")
    for typed, meaning in (
        (f"cd {shlex.quote(str(path))}", ""),
        ("ducklake catalog", "tables, rows, sizes, changes"),
        ("ducklake catalog quality", "every check of every run"),
        ("ducklake catalog show raw.shop.pedidos", "columns, versions, files"),
        ("ducklake plan clientes", "the SQL that a pipeline becomes"),
        ('ducklake query "FROM consume.bi.ventas_mes"', "sales by month and channel"),
        ("less config/pipelines.yaml", "all of it is YAML; no code"),
    ):
        _say(cli, f"   {typed:<44} {meaning}".rstrip())
    _say(cli, "", "Then your own data:  ducklake init my_lake")


def _example(results: list[TableResult], table: str) -> str:
    files = next((item.files for item in results if item.table == table), ())
    return files[0] if files else f"data/raw/shop/{table}"


def _rows(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items())


def _head(cli: Invocation, number: int, heading: str, typed: str = "") -> None:
    _say(cli, "", render.title(f"{number}  {heading}"))
    if typed:
        _type(cli, typed)


def _type(cli: Invocation, typed: str) -> None:
    """Show a command as it would be typed, then leave a line."""
    _say(cli, *f"$ ducklake {typed}".replace("\n", f"\n{' ' * len('$ ducklake query x')}").splitlines(), indent="   ")
    _say(cli)


def _list(cli: Invocation, lines: Mapping[str, str]) -> None:
    width = max(map(len, lines))
    _say(cli, *(f"   {name:<{width}}  {text}" for name, text in lines.items()))


def _table(cli: Invocation, names: list[str], cells: list[list[str]]) -> None:
    if not cli.json and not cli.quiet:
        render.write_table(names, cells, right=names[1:], indent="   ")


def _wrap(cli: Invocation, text: str) -> None:
    _say(cli, *textwrap.wrap(text, 74, break_long_words=False), indent="   ")


def _say(cli: Invocation, *lines: str, indent: str = "") -> None:
    for line in lines or ("",):
        cli.report(f"{indent}{line}")
