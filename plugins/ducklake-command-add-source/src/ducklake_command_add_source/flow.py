"""The way from a URL to a source in the configuration."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ducklake.errors import ConfigurationError, SourceError, did_you_mean
from ducklake_command_add_source import address, settings, variables
from ducklake_command_add_source.dialog import Dialog, shown
from ducklake_command_add_source.draft import ENV, SOURCES, Draft
from ducklake_command_add_source.files import File, replace_all
from ducklake_command_add_source.repository import would_take
from ducklake_command_add_source.shape import Shape
from ducklake_command_add_source.tables import choose
from ducklake_command_add_source.usage import usage

if TYPE_CHECKING:
    from ducklake import Lake
    from ducklake_command_add_source.keys import Proposal
    from ducklake_command_add_source.shape import Place

_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """The command line. Its `repr` shows neither URL nor settings, in which there may be secrets.

    Attributes:
        words: Name and URL.
        kind: `--type`.
        url: `--url`.
        settings: `--set`.
        tables: `--table`.
        mode: `--mode`.
        key_column: `--key-column`.
        password_env: `--password-env`.
        password_stdin: `--password-stdin`.
        yes: `--yes`.
        dry_run: `--dry-run`.
        test: Not `--no-test`.
    """

    words: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    kind: str | None = None
    url: str | None = dataclasses.field(default=None, repr=False)
    settings: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    tables: tuple[str, ...] = ()
    mode: str | None = None
    key_column: str | None = None
    password_env: str | None = None
    password_stdin: bool = False
    yes: bool = False
    dry_run: bool = False
    test: bool = True


def add(cli: Any, asked: Asked) -> None:
    """Add a source, or raise and leave everything as it was.

    Args:
        cli: The call: its lake, and its ways to stdout and stderr.
        asked: The command line.

    Raises:
        ConfigurationError: Something is wrong or missing on the command line or in the files.
        SourceError: The source cannot be reached or refuses.
        DataError: A file cannot be written.
        Exit: Somebody said no.
    """
    asked, name, where = _words(asked)
    dialog = Dialog() if Dialog.possible() and not (asked.yes or cli.json or asked.password_stdin) else None
    if dialog is None and not (asked.yes or asked.dry_run):
        raise usage("nobody can be asked here, so --yes is needed", "or --dry-run, which shows what would be written")
    lake: Lake = cli.lake()
    draft = _draft(cli, lake, asked, name, where, dialog)
    proposals, found = _looked_at(cli, draft, asked, dialog)
    _check(cli, draft)
    _show(cli, draft, dialog, asked)
    if dialog is not None and not asked.dry_run and not dialog.agrees("Write this"):
        dialog.say("Nothing was written.")
        raise typer.Exit(1)
    if not asked.dry_run:
        _write(cli, draft)
    _report(cli, draft, proposals, found, asked, notes=dialog is None)


def _words(asked: Asked) -> tuple[Asked, str | None, str | None]:
    """Name and URL, whichever way they were typed; no message repeats a word, since it may hold a password."""
    urls = [word for word in asked.words if "://" in word]
    names = [word for word in asked.words if "://" not in word]
    if asked.url is not None:
        urls.append(asked.url)
    if not urls and len(names) == 2:
        urls.append(names.pop())
    if len(names) > 1 or len(urls) > 1:
        raise usage("there are more words than a NAME and a URL", "ducklake add-source NAME URL")
    if asked.mode not in (None, "full", "incremental"):
        raise usage("--mode takes full or incremental")
    if asked.mode == "full" and asked.key_column:
        raise usage("--key-column is for increments, --mode full reads everything anew", "leave out one of the two")
    if names and not _NAME.match(names[0]):
        raise usage("NAME is no plain name", "use letters (a to z), digits, _ and -; at most 128")
    return asked, names[0] if names else None, urls[0] if urls else None


def _draft(cli: Any, lake: Lake, asked: Asked, name: str | None, where: str | None, dialog: Dialog | None) -> Draft:
    """What the command line and the answers say of the source."""
    if dialog is not None and where is None and asked.kind is None:
        where = dialog.ask("URL, or path of a file (empty: choose a type)", "") or None
    place = address.parse(where) if where is not None else None
    if place is not None and place.password:
        lake.redactor.add(place.password)
    kind = _kind(lake, asked, place, dialog)
    connector = lake.manager.connector(kind).cls
    shape = Shape(_schema(connector))
    options = address.options_of(place, kind, shape, Path.cwd(), lake.root) if place is not None else {}
    own, core = settings.read(asked.settings, shape)
    options = _merged(options, own)
    name = _named(lake, name, place, kind, dialog)
    root = lake.root
    draft = Draft(root, File.read(root / SOURCES, SOURCES), File.read(root / ENV, ENV), name, kind, shape, options, core=core)
    _complete(draft, dialog, everything=place is None)
    _secrets(cli, lake, draft, asked, place, dialog)
    for secret in draft.secrets.values():
        lake.redactor.add(secret)
    if "tables" not in connector.capabilities and asked.tables:
        raise usage(f"--table: a source of type {kind} takes no tables", "leave it out")
    draft.core["tables"] = address.literally(list(dict.fromkeys(asked.tables))) or (["*"] if "tables" in connector.capabilities else [])
    return draft


def _kind(lake: Lake, asked: Asked, place: address.Address | None, dialog: Dialog | None) -> str:
    known = sorted(found.name for found in lake.manager.load_all("connector")) if dialog is not None or place is None else []
    kind = asked.kind or (place.kind if place is not None else None)
    if kind is None and place is not None:
        raise usage("--type is missing: the file's name does not tell what it is", "--type csv, or write a URL such as sqlite:///shop.db")
    if kind is None and dialog is None:
        raise usage("--url or --type is missing", "for example --url postgresql://user@host:5432/database")
    if kind is None and dialog is not None:
        if not known:
            raise usage("no connector is installed", "pip install ducklake-connector-postgresql, -mysql, -sqlite, -csv, ...")
        kind = dialog.ask("Type", choices=known)
    return str(kind)


def _schema(connector: Any) -> dict[str, Any]:
    """The JSON Schema of a connector's options; of one that has none nothing is asked."""
    try:
        found: dict[str, Any] = connector.Options.model_json_schema(by_alias=True)
    except Exception:
        return {}
    return found


def _named(lake: Lake, name: str | None, place: address.Address | None, kind: str, dialog: Dialog | None) -> str:
    taken = {known.casefold(): known for known in lake.project.sources}
    if name is None and dialog is None:
        raise usage("NAME is missing", f"ducklake add-source {(place.name if place else None) or 'NAME'} ...")
    while dialog is not None and name is None:
        proposal = (place.name if place is not None else None) or kind
        answer = dialog.ask("Name of the source", proposal)
        if not _NAME.match(answer):
            dialog.say("  letters (a to z), digits, _ and -; at most 128")
        elif answer.casefold() in taken:
            dialog.say(f"  {taken[answer.casefold()]} is there already")
        else:
            name = answer
    assert name is not None  # else one of the two above has raised or asked
    if name.casefold() in taken:
        message = f"the name is taken: {SOURCES} has a source {taken[name.casefold()]}"
        raise ConfigurationError(message, hint="choose another NAME", code="duplicate_name")
    return name


def _complete(draft: Draft, dialog: Dialog | None, *, everything: bool) -> None:
    """Ask for the options that are not there yet, or say by which option each is given."""
    missing = draft.shape.wanted(draft.options, all_of_them=everything and dialog is not None)
    for field in missing:
        if dialog is None:
            raise usage(f"{field.label} is missing", f"--set {field.label}=...")
        if not field.scalar:
            dialog.say(f"  {field.label}: {field.description}")
        answer = dialog.ask_for(field)
        if answer is not None:
            draft.shape.put(draft.options, field.place, settings.answer(answer, draft.shape.types(field.place)))


def _secrets(cli: Any, lake: Lake, draft: Draft, asked: Asked, place: address.Address | None, dialog: Dialog | None) -> None:
    """The password, from wherever it comes, and the other secrets from whom can be asked."""
    fields = draft.shape.secrets
    given = place.password if place is not None else None
    ways = [given is not None, asked.password_stdin, asked.password_env is not None]
    if sum(ways) > 1:
        raise usage("the password is given twice", "leave it out of the URL, or leave out --password-stdin or --password-env")
    if any(ways) and not fields:
        raise usage(f"a source of type {draft.kind} takes no password", "leave it out")
    if asked.password_stdin:
        given = _from_stdin()
    if place is not None and place.password:
        cli.warn("a password in a URL is seen in the shell's history and in the list of processes; --password-stdin keeps it out of both")
    if asked.password_env is not None:
        _from_variable(lake, draft, fields[0].place, asked.password_env)
    elif given is not None:
        draft.secrets[fields[0].place] = given
    for field in fields:
        if dialog is None or field.place in draft.secrets or _there(draft, field.place):
            continue
        if place is not None and place.user is None and not field.required:
            continue
        if field.description:
            dialog.say(f"  {field.label}, or nothing if there is none; it goes to {ENV}")
        if answer := dialog.ask_hidden(field.label):
            draft.secrets[field.place] = answer


def _from_stdin() -> str:
    """The password as it was sent, to the byte, without the one line end that a file or `echo` has put behind it."""
    data = sys.stdin.buffer.read() if sys.stdin is not None else b""
    data = data[: -2 if data.endswith(b"\r\n") else -1] if data.endswith(b"\n") else data
    if not data:
        raise usage("--password-stdin: nothing was read", "for example --password-stdin < password")
    try:
        return data.decode()
    except UnicodeDecodeError:
        message = "--password-stdin: what was read is no UTF-8"
        raise usage(message, "write the password's file as UTF-8, or name a variable with --password-env") from None


def _from_variable(lake: Lake, draft: Draft, place: Place, name: str) -> None:
    known = {**variables.read(draft.env.text), **os.environ}
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise usage("--password-env takes the name of a variable, not the password", "for example --password-env ERP_PASSWORD")
    if name not in known:
        raise usage(f"--password-env: the variable {name} is not set", did_you_mean(name, known) or f"export {name}, or add it to .env")
    lake.redactor.add(known[name])
    draft.shape.put(draft.options, place, f"${{{name}}}")


def _there(draft: Draft, place: Place) -> bool:
    value: Any = draft.options
    for part in place:
        value = value.get(part) if isinstance(value, dict) else None
    return value is not None


def _merged(options: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Options of the URL, and those of `--set`, which win."""
    result = dict(options)
    for key, value in own.items():
        before = result.get(key)
        result[key] = _merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return result


def _looked_at(cli: Any, draft: Draft, asked: Asked, dialog: Dialog | None) -> tuple[list[Proposal], dict[str, Any] | None]:
    """Connect, choose tables, and propose how to extract them."""
    if not asked.test:
        given = {"mode": asked.mode or ("incremental" if asked.key_column else None), "key_column": asked.key_column}
        _settle(draft, address.literally({key: value for key, value in given.items() if value}))
        return [], None
    _check(cli, draft)  # what is wrong with the options is better said without the place that they do not have yet
    found = _connected(cli, draft, dialog)
    trial = draft.trial()
    if dialog is not None:
        facts = [f"encryption: {found['tls']}"] if found["tls"] is not None else []
        dialog.say(f"{found['server'] or found['type']} answers in {found['latency_ms']:g} ms{''.join(f', {fact}' for fact in facts)}")
        for line in found["missing_rights"]:
            dialog.say(f"  missing right: {line}")
    tables, extract, proposals = choose(cli, trial, draft, asked.tables, asked.mode, asked.key_column, dialog)
    if draft.core.get("tables"):
        draft.core["tables"] = address.literally(tables)
    _settle(draft, address.literally(extract))
    return proposals, found


def _connected(cli: Any, draft: Draft, dialog: Dialog | None) -> dict[str, Any]:
    """What answers; whoever is asked may mend a password that is refused."""
    while True:
        try:
            with cli.working():
                return draft.trial().test_connection(draft.name)
        except SourceError as error:
            place = next(iter(draft.secrets), None)
            if dialog is None or place is None:
                raise
            dialog.say(f"error: {cli.redact(error.problem.message)}")
            another = dialog.ask_hidden(f"{'.'.join(place)} once more (or nothing, to leave)")
            if not another:
                raise
            draft.secrets[place] = another
            redactor = cli.lake().redactor
            for secret in draft.secrets.values():
                redactor.add(secret)


def _settle(draft: Draft, extract: dict[str, Any]) -> None:
    """What was said with `--set extract....` wins over what was proposed."""
    draft.core["extract"] = {**extract, **(draft.core.get("extract") or {})}


def _check(cli: Any, draft: Draft) -> None:
    """See that the files, as they are going to be, make sense to the lake."""
    try:
        with cli.working():
            problems = draft.trial().validate().problems
    except ConfigurationError as error:
        problems = error.problems
        if not any(problem.message.startswith(f"source {draft.name}:") for problem in problems):
            raise
    wrong = [problem for problem in problems if problem.message.startswith(f"source {draft.name}:")]
    if wrong:
        raise ConfigurationError(problems=[dataclasses.replace(problem, file=None, line=None, column=None) for problem in wrong])


def _show(cli: Any, draft: Draft, dialog: Dialog | None, asked: Asked) -> None:
    """What is going to be written, without the secrets."""
    say = dialog.say if dialog is not None and not asked.dry_run else cli.report
    say()
    say(f"{SOURCES}:")
    say(draft.yaml.rstrip("\n"))
    for name in draft.variables:
        say(f"{ENV}: {name}=***")
    say()


def _write(cli: Any, draft: Draft) -> None:
    changes = draft.changes()
    before = draft.env.mode
    replace_all(changes)
    if changes[0].file is draft.env and before is not None and before & 0o077:
        cli.warn(f"{ENV} could be read by others (mode {before:o}); it is {0o600:o} now")
    if draft.variables and would_take(draft.root, ENV):
        cli.warn(f"git would take {ENV} along, and the password with it: add a line {ENV} to .gitignore")


def _report(cli: Any, draft: Draft, proposals: list[Proposal], found: dict[str, Any] | None, asked: Asked, *, notes: bool) -> None:
    """Say what was done, and what to type next."""
    result = {
        "source": draft.name,
        "type": draft.kind,
        "status": "skipped" if asked.dry_run else "success",
        "server": found["server"] if found else None,
        "tls": found["tls"] if found else None,
        "latency_ms": found["latency_ms"] if found else None,
        "yaml": draft.yaml,
        "variables": list(draft.variables),
        "written": [] if asked.dry_run else [change.file.shown for change in draft.changes()],
        "tables": [proposal.to_json() for proposal in proposals],
    }
    cli.document([result])
    if asked.dry_run:
        cli.report("Nothing was written (--dry-run).")
        return
    secrets = f", and {', '.join(draft.variables)} to {ENV}" if draft.variables else ""
    cli.report(f"Added {draft.name} to {SOURCES}{secrets}")
    for proposal in proposals:
        if notes and proposal.note:
            by = f" by {proposal.key}" if proposal.key else ""
            cli.report(f"  {' '.join(shown(proposal.table).split())}: {proposal.mode}{by}; {proposal.note}")
    cli.report()
    cli.report("Next:")
    cli.report(f"  ducklake extract {'-- ' if draft.name.startswith('-') else ''}{shlex.quote(draft.name)}")
