"""`ducklake add-source`."""

from __future__ import annotations

from typing import Annotated

import typer

from ducklake_command_add_source.flow import Asked, add


def command(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME] [URL]", show_default=False, help="What to call the source, and where it is; see --url."),
    ] = None,
    kind: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="The connector; by default that of the URL or file.")] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", metavar="URL", help="postgresql://user@host/database, mysql://, sqlite:///file, ..., or a file's path."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", show_default=False, help="An option, for example connection.tls=require; may be repeated."
        ),
    ] = None,
    tables: Annotated[
        list[str] | None,
        typer.Option("--table", metavar="PATTERN", show_default=False, help="Only these tables; may be repeated. All by default."),
    ] = None,
    mode: Annotated[str | None, typer.Option("--mode", metavar="full|incremental", help="By default what each table's keys allow.")] = None,
    key_column: Annotated[
        str | None, typer.Option("--key-column", metavar="COLUMN", help="The column by which increments are found.")
    ] = None,
    password_env: Annotated[
        str | None, typer.Option("--password-env", metavar="NAME", help="A variable that holds the password already.")
    ] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing, and take what is proposed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
    no_test: Annotated[bool, typer.Option("--no-test", help="Do not connect; nothing is proposed then.")] = False,
) -> None:
    """Add a source: asks at a terminal or takes options, connects, proposes keys, and writes config/sources.yaml.

    The password goes to .env, which nobody else may read, and its ${NAME} into the YAML. Comments and everything else that
    stands in the files stays. Nothing is written unless it all works.

    Args:
        ctx: Its `obj` is the call.
        words: Name and URL.
        kind: The connector.
        url: Where the source is.
        settings: Options.
        tables: Names and patterns.
        mode: How to extract.
        key_column: For increments.
        password_env: A variable.
        password_stdin: Whether to read it.
        yes: Whether to ask nothing.
        dry_run: Whether to write nothing.
        no_test: Whether not to connect.
    """
    asked = Asked(
        words=tuple(words or ()),
        kind=kind,
        url=url,
        settings=tuple(settings or ()),
        tables=tuple(tables or ()),
        mode=mode,
        key_column=key_column,
        password_env=password_env,
        password_stdin=password_stdin,
        yes=yes,
        dry_run=dry_run,
        test=not no_test,
    )
    add(ctx.obj, asked)
