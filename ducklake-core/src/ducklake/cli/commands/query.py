"""`ducklake query`."""

from __future__ import annotations

import enum
import sys
from typing import Annotated

import typer

from ducklake.cli import rows
from ducklake.cli.app import usage_error
from ducklake.cli.invocation import Invocation


class Format(enum.StrEnum):
    """How rows are printed."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def command(
    cli: Invocation,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One statement; `-` reads it from stdin.")],
    form: Annotated[Format, typer.Option("--format", help="How rows are printed.")] = Format.table,
) -> None:
    """Run SQL over the lake, read only.

    Tables are called raw.SOURCE.TABLE, staging.DOMAIN.TABLE and consume.USE_CASE.TABLE.

    Args:
        cli: The call.
        sql: The statement.
        form: How rows are printed.
    """
    if form is Format.parquet and (cli.json or sys.stdout.isatty()):
        raise usage_error("parquet is not for a terminal", hint='ducklake query "SELECT ..." --format parquet > rows.parquet')
    lake = cli.lake()
    with cli.working():
        result = lake.query(sys.stdin.read() if sql == "-" else sql)
    if cli.json:
        cli.answered = True
        rows.write_document(result)
        return
    writers = {
        Format.table: rows.write_table,
        Format.csv: rows.write_csv,
        Format.json: rows.write_rows,
        Format.parquet: rows.write_parquet,
    }
    writers[form](result)
