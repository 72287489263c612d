"""Which tables, and how each is to be extracted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ducklake.errors import DataError, did_you_mean
from ducklake_command_add_source.keys import Proposal, arranged, is_pattern, matching, not_indexed, propose
from ducklake_command_add_source.usage import usage

if TYPE_CHECKING:
    from ducklake import Lake
    from ducklake.api import Session, SourceTable
    from ducklake_command_add_source.dialog import Dialog
    from ducklake_command_add_source.draft import Draft


def choose(
    cli: Any,
    lake: Lake,
    draft: Draft,
    patterns: Sequence[str],
    mode: str | None,
    key: str | None,
    dialog: Dialog | None,
) -> tuple[list[Any], dict[str, Any], list[Proposal]]:
    """Let tables be chosen, and propose how to extract each.

    Args:
        cli: The call.
        lake: The lake as it would be with the source.
        draft: The source.
        patterns: `--table`; nothing takes all, or asks.
        mode: `--mode`.
        key: `--key-column`.
        dialog: Asks; None where nobody can be asked.

    Returns:
        `tables` and `extract` of the source, and a proposal a table.

    Raises:
        ConfigurationError: A table or column that was named is not there.
    """
    capabilities = lake.manager.connector(draft.kind).cls.capabilities
    with cli.working(), lake.open_source(draft.name) as session:
        offered = list(session.tables())
    names = [table.name for table in offered]
    for pattern in patterns:
        if not is_pattern(pattern) and pattern not in names:
            raise usage(f"--table: {draft.name} has no table {pattern!r}", did_you_mean(pattern, names, "tables"))
        if not matching([pattern], names):
            cli.warn(f"no table matches {pattern!r} now")
    if dialog is not None and not patterns and "tables" in capabilities and offered:
        patterns = dialog.choose_tables(offered)
    wanted = list(dict.fromkeys(patterns)) or ["*"]
    chosen = [table for table in offered if table.name in set(matching(wanted, names))]
    if "incremental" not in capabilities or "ledger" in capabilities:
        if key is not None:
            raise usage(f"--key-column: a source of type {draft.kind} finds what is new by itself", "leave it out")
        return wanted, {"mode": mode} if mode else {}, [Proposal(table.name, table.rows_estimate, mode) for table in chosen]
    if mode == "full":
        proposals = [Proposal(table.name, table.rows_estimate, "full") for table in chosen]
    else:
        with cli.working(), lake.open_source(draft.name) as session:
            proposals = [_proposed(session, table, key) for table in chosen]
    _refuse(proposals, mode, key)
    if dialog is not None and proposals:
        dialog.show_proposals(proposals)
        if any(proposal.key for proposal in proposals) and mode is None and key is None:
            answer = dialog.ask("Extract like this, or everything in full each time", "this", ("this", "full"))
            if answer == "full":
                proposals = [Proposal(proposal.table, proposal.rows, "full") for proposal in proposals]
    defaults = lake.project.settings.extract
    tables, extract = arranged(wanted, proposals, explicit=bool(defaults.mode or defaults.key_column))
    return tables, extract, proposals


def _proposed(session: Session, table: SourceTable, key: str | None) -> Proposal:
    indexed = session.indexed_columns(table.name)
    change = session.change_column(table.name) if key is None else None
    if key is None and not indexed and change is None:
        return propose(table.name, table.rows_estimate, None, indexed)
    try:
        schema = session.get_schema(table.name)
    except DataError as error:
        return Proposal(table.name, table.rows_estimate, "full", note=error.problem.message)
    if key is not None:
        own = next((name for name in schema.names if name.casefold() == key.casefold()), None)
        if own is not None:
            return Proposal(table.name, table.rows_estimate, "incremental", own, None if own in indexed else not_indexed(own))
    return propose(table.name, table.rows_estimate, schema, indexed, change)


def _refuse(proposals: Sequence[Proposal], mode: str | None, key: str | None) -> None:
    """A key that no table has, or increments where there is no key."""
    if key is not None and not any((proposal.key or "").casefold() == key.casefold() for proposal in proposals):
        raise usage(f"--key-column: no table has a column {key!r}", "leave it out, and each table's own keys are proposed")
    without = [proposal.table for proposal in proposals if not proposal.key]
    if mode == "incremental" and without:
        more = f" and {len(without) - 3} more" if len(without) > 3 else ""
        message = f"--mode incremental: no key is found for {', '.join(without[:3])}{more}"
        raise usage(message, "name one with --key-column, choose other tables with --table, or leave --mode out")
