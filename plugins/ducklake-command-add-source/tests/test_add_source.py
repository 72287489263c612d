"""The command over a connector that nobody here has made, and over the files of a project."""

import json
import os
import pty
import select
import shutil
import stat
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from ducklake.testing.project import command, environment

CONNECTOR = """
from pydantic import SecretStr, Field
from ducklake.api import Options, RowsConnector, hookimpl
from ducklake.errors import SourceError

api = 1


class Login(Options):
    host: str = Field(default="localhost", description="Where the moon is.")
    token: SecretStr = Field(description="Who may look at it.")
    orbit: int = 1


class MoonOptions(Options):
    connection: Login
    phases: int = 4


class Moon(RowsConnector[MoonOptions]):
    name = "moon"
    capabilities = frozenset({"tables"})

    def validate_connection(self):
        token = self.options.connection.token.get_secret_value()
        if not token.startswith("l4na"):
            raise SourceError(f"{self.context.source}: the moon refuses")

    def schemas(self):
        import pyarrow as pa

        return {name: pa.schema([("id", pa.int64())]) for name in ("phases", "craters", "odd [name]")}

    def rows(self, table):
        return [{"id": number} for number in range(self.options.phases)]


@hookimpl
def register_connectors(register):
    register(Moon)
"""
TOKEN = "l4na' \"$X${Y}#\\ ñ"
SOURCES = "# mine\nsources: []   # none yet\n"


@pytest.fixture
def lake(lake_project):
    return lake_project({"lake_plugins.py": CONNECTOR, "config/sources.yaml": SOURCES, ".gitignore": ".env\n"})


def test_options_alone_are_enough(lake):
    done = lake.run("add-source", "luna", "moon://cheese", "--password-stdin", "--yes", "--set", "phases=7", "--json", stdin=TOKEN + "\n")
    assert done.exit_code == 0, str(done)
    (result,) = done.results
    assert (result["source"], result["type"], result["status"]) == ("luna", "moon", "success")
    assert result["written"] == [".env", "config/sources.yaml"]
    assert result["variables"] == ["LUNA_TOKEN"]
    assert [table["table"] for table in result["tables"]] == ["phases", "craters", "odd [name]"]
    text = (lake.path / "config/sources.yaml").read_text()
    assert text.startswith("# mine\nsources:   # none yet\n")
    assert yaml.safe_load(text)["sources"] == [
        {"name": "luna", "type": "moon", "connection": {"host": "cheese", "token": "${LUNA_TOKEN}"}, "phases": 7, "tables": ["*"]}
    ]
    assert stat.S_IMODE((lake.path / ".env").stat().st_mode) == 0o600
    assert lake.lake.project.environment.variables["LUNA_TOKEN"] == TOKEN
    lake.ok("extract", "luna")
    assert lake.query("SELECT count(*) FROM raw.luna.phases") == [[7]]


TIDE = """
from ducklake.api import Options, RowsConnector, hookimpl

api = 1
COUNTERS = {"boats": "counter", "harbours": "counter", "tides": None}


class TideOptions(Options):
    pass


class Tide(RowsConnector[TideOptions]):
    name = "tide"
    capabilities = frozenset({"tables", "incremental"})

    def schemas(self):
        import pyarrow as pa

        return {name: pa.schema([("id", pa.int64()), ("counter", pa.uint64())]) for name in COUNTERS}

    def rows(self, table):
        return [{"id": 1, "counter": 2**63 + 1}]

    def open(self, requests):
        session = super().open(requests)
        session.change_column = COUNTERS.get
        session.indexed_columns = lambda table: {"id": True, **({"counter": False} if table == "boats" else {})}
        return session


@hookimpl
def register_connectors(register):
    register(Tide)
"""


def test_a_column_that_the_source_raises_with_every_change_is_the_first_choice(lake_project):
    lake = lake_project({"lake_plugins.py": TIDE, "config/sources.yaml": SOURCES})
    done = lake.run("add-source", "mar", "tide://", "--yes", "--json")
    assert done.exit_code == 0, str(done)
    assert {table["table"]: (table["mode"], table["key_column"], table["note"]) for table in done.results[0]["tables"]} == {
        "boats": ("incremental", "counter", None),
        "harbours": ("incremental", "counter", "no index begins with counter: every increment reads the whole table"),
        "tides": ("incremental", "id", "sees new rows with a higher number, not changes of rows"),
    }
    lake.ok("extract", "mar")
    assert lake.query("SELECT counter FROM raw.mar.boats") == [[str(2**63 + 1)]]


def untouched(lake, *args, exit_code, stdin="", env=None):
    """A call that fails and writes nothing."""
    files = {path: (path.read_bytes(), path.stat().st_mode) for path in lake.path.rglob("*") if path.is_file() and "data" not in path.parts}
    done = lake.run("add-source", *args, stdin=stdin, env=env)
    after = {path: (path.read_bytes(), path.stat().st_mode) for path in lake.path.rglob("*") if path.is_file() and "data" not in path.parts}
    assert done.exit_code == exit_code, str(done)
    assert "-v" in args or "Traceback" not in done.stderr
    assert {path: value for path, value in after.items() if "__pycache__" not in path.parts} == {
        path: value for path, value in files.items() if "__pycache__" not in path.parts
    }
    return done


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["luna", "moon://h"], ["--yes"]),
        (["moon://h", "--yes"], ["NAME"]),
        (["luna", "--yes"], ["--url", "--type"]),
        (["luna", "--type", "mooon", "--yes"], ["mooon"]),
        (["luna", "--type", "moon", "--yes", "--set", "connection.token=l4na"], ["--set", "secret", "--password-stdin"]),
        (["luna", "moon://h", "--yes", "--password-env", "NO_SUCH_VARIABLE"], ["NO_SUCH_VARIABLE", "not set"]),
        (["luna", "moon://h", "--yes", "--set", "phases=many"], ["phases must be a whole number"]),
        (["luna", "moon://h", "--yes", "--set", "faces=1"], ["unknown key 'faces'"]),
        (["luna", "moon://h?orbits=2", "--yes"], ["orbits"]),
        (["luna", "moon://h", "--yes", "--mode", "sometimes"], ["--mode"]),
        (["luna", "moon://h", "--yes", "--mode", "full", "--key-column", "id"], ["--key-column"]),
        (["lu na", "moon://h", "--yes"], ["plain name"]),
        (["luna", "what.is", "--yes"], ["--type is missing"]),
        (["luna", "--type", "moon", "--yes", "--set", "name=x"], ["NAME"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_or_missing_is_named(lake, args, words):
    done = untouched(lake, *args, exit_code=2)
    for word in words:
        assert word in done.stderr


def test_a_source_that_refuses_writes_nothing_and_shows_nothing(lake):
    done = untouched(lake, "luna", "moon://h", "--password-stdin", "--yes", "-v", "--json", exit_code=4, stdin="wr0ng-s3cret")
    assert "the moon refuses" in done.stderr
    assert done.errors[0]["code"] == "source"
    assert "wr0ng-s3cret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["luna", "moon://u:wr0ng-s3cret@h", "--yes", "-v"],
        ["luna", "moon://:wr0ng-s3cret@h", "more", "and", "more", "--yes"],
        ["luna", "moon://u:wr0ng-s3cret@h", "moon://u:wr0ng-s3cret@h", "--yes"],
        ["moon://u:wr0ng-s3cret@h"],
        ["luna", "moon://u:wr0ng-s3cret/x@h", "--yes", "-v"],
        ["luna", "moon://h:wr0ng-s3cret", "--yes", "-v"],
        ["luna", "--type", "moon", "--set", "connection.token=wr0ng-s3cret", "--yes", "-v"],
        ["luna", "--type", "moon", "--set", "connection.token: wr0ng-s3cret", "--yes", "-v"],
        ["luna", "--type", "moon", "--set", "connection={token: wr0ng-s3cret}", "--yes", "-v"],
        ["luna", "--type", "moon", "--set", "connection.query.password=wr0ng-s3cret", "--yes", "-v"],
        ["luna", "moon://h?password=wr0ng-s3cret", "--yes", "-v"],
    ],
    ids=str,
)
def test_secrets_on_the_command_line_are_not_repeated(lake, args):
    done = lake.run("add-source", *args)
    assert done.exit_code in (2, 4), str(done)
    assert "s3cret" not in done.stdout + done.stderr
    done = lake.run("add-source", *args, "--json")
    assert "s3cret" not in done.stdout + done.stderr


def test_the_password_of_a_url_works_and_is_warned_of(lake):
    done = lake.run("add-source", "luna", "moon://:l4na%2Fs3cret@h", "--yes")
    assert done.exit_code == 0, str(done)
    assert "--password-stdin" in done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    assert lake.lake.project.environment.variables["LUNA_TOKEN"] == "l4na/s3cret"


def test_a_name_that_is_taken_in_another_case_is_refused(lake):
    lake.run("add-source", "luna", "moon://h", "--password-stdin", "--yes", stdin=TOKEN)
    assert "luna" in untouched(lake, "LUNA", "moon://h", "--password-stdin", "--yes", exit_code=2, stdin=TOKEN).stderr


def test_a_variable_that_is_set_is_only_named(lake):
    done = lake.run("add-source", "luna", "moon://h", "--password-env", "MOON_TOKEN", "--yes", "--json", env={"MOON_TOKEN": TOKEN})
    assert done.exit_code == 0, str(done)
    assert done.results[0]["written"] == ["config/sources.yaml"]
    assert not (lake.path / ".env").exists()
    assert "${MOON_TOKEN}" in (lake.path / "config/sources.yaml").read_text()


def test_an_env_keeps_its_lines_and_is_closed_to_others(lake):
    env = lake.path / ".env"
    env.write_text("# mine\nLUNA_TOKEN=other   # why\n")
    env.chmod(0o644)
    done = lake.run("add-source", "luna", "moon://h", "--password-stdin", "--yes", stdin=TOKEN)
    assert done.exit_code == 0, str(done)
    assert env.read_text().startswith("# mine\nLUNA_TOKEN=other   # why\nLUNA_TOKEN_2=")
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert "600" in done.stderr
    lake.ok("extract", "luna")


def test_a_password_that_is_there_is_not_written_again(lake):
    for name in ("luna", "selene"):
        lake.run("add-source", name, "moon://h", "--password-stdin", "--yes", stdin=TOKEN)
    before = (lake.path / ".env").read_text()
    text = (lake.path / "config/sources.yaml").read_text()
    (lake.path / "config/sources.yaml").write_text(text[: text.index("  - name: selene")])
    lake.run("add-source", "selene", "moon://h", "--password-stdin", "--yes", stdin=TOKEN)
    assert (lake.path / ".env").read_text() == before
    assert (lake.path / "config/sources.yaml").read_text() == text


@pytest.mark.parametrize(
    ("sent", "password"),
    [
        (b"l4na", "l4na"),
        (b"l4na\n", "l4na"),
        (b"l4na\r\n", "l4na"),
        (b"l4na\n\n", "l4na\n"),
        (b"l4na\r", "l4na\r"),
        (b"l4na\r\nx\r\n", "l4na\r\nx"),
        ("l4na ñ 🦆 ".encode(), "l4na ñ 🦆 "),
    ],
    ids=repr,
)
def test_a_password_from_stdin_is_taken_to_the_byte(lake, sent, password):
    called = subprocess.run(
        [*command(), "add-source", "luna", "moon://h", "--password-stdin", "--yes"],
        input=sent, cwd=lake.path, env=environment({"PYTHONIOENCODING": "latin-1"}), capture_output=True, check=False,
    )  # fmt: skip
    assert called.returncode == 0, called.stderr.decode()
    assert lake.lake.project.environment.variables["LUNA_TOKEN"] == password


@pytest.mark.parametrize(("sent", "words"), [(b"\n", "nothing was read"), (b"", "nothing was read"), (b"l4na\xff\n", "no UTF-8")])
def test_a_password_that_cannot_be_read_is_said_in_one_line(lake, sent, words):
    called = subprocess.run(
        [*command(), "add-source", "luna", "moon://h", "--password-stdin", "--yes"],
        input=sent, cwd=lake.path, env=environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert called.returncode == 2
    assert words in called.stderr.decode()
    assert "l4na" not in called.stderr.decode()
    assert not (lake.path / ".env").exists()


def test_modes_and_links_stay(lake, tmp_path):
    real = tmp_path / "elsewhere.yaml"
    real.write_text(SOURCES)
    real.chmod(0o640)
    link = lake.path / "config/sources.yaml"
    link.unlink()
    link.symlink_to(real)
    done = lake.run("add-source", "luna", "moon://h", "--password-stdin", "--yes", stdin=TOKEN)
    assert done.exit_code == 0, str(done)
    assert link.is_symlink()
    assert "luna" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [path.name for path in real.parent.glob(".elsewhere*")] == []


def test_a_file_that_is_broken_stays_as_it_is(lake):
    for text in ("sources: [}\n", "sources: []\nother: 1\n", "sources:\n  - name: a\n"):
        (lake.path / "config/sources.yaml").write_text(text)
        untouched(lake, "luna", "moon://h", "--password-stdin", "--yes", exit_code=2, stdin=TOKEN)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(lake):
    (lake.path / "config").chmod(0o500)
    try:
        done = untouched(lake, "luna", "moon://h", "--password-stdin", "--yes", exit_code=1, stdin=TOKEN)
    finally:
        (lake.path / "config").chmod(0o700)
    assert "config/sources.yaml" in done.stderr


def test_a_second_file_that_cannot_be_replaced_takes_the_first_back(tmp_path, monkeypatch):
    from ducklake.errors import DataError
    from ducklake_command_add_source import files

    (tmp_path / "env").write_text("A=1\n")
    (tmp_path / "sources").write_text("x\n")
    changes = [
        files.Change(files.File.read(tmp_path / "env", ".env"), "A=1\nB=2\n", 0o600),
        files.Change(files.File.read(tmp_path / "sources", "sources"), "y\n"),
    ]
    replace = os.replace

    def refuse(source, target):
        if Path(target).name == "sources":
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", refuse)
    with pytest.raises(DataError, match="sources: cannot be written: No space left"):
        files.replace_all(changes)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"env": "A=1\n", "sources": "x\n"}


def test_a_file_that_somebody_else_changed_meanwhile_is_not_replaced(tmp_path):
    from ducklake.errors import DataError
    from ducklake_command_add_source import files

    path = tmp_path / "sources"
    path.write_text("x\n")
    change = files.Change(files.File.read(path, "sources"), "y\n")
    path.write_text("theirs\n")
    with pytest.raises(DataError, match="somebody else"):
        files.replace_all([change])
    assert path.read_text() == "theirs\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", [".env", "config/sources.yaml"])
def test_a_file_that_is_read_only_stays_as_it_is(lake, name):
    (lake.path / ".env").write_text("A=1\n")
    (lake.path / name).chmod(0o400)
    done = untouched(lake, "luna", "moon://h", "--password-stdin", "--yes", exit_code=1, stdin=TOKEN)
    assert f"{name}: cannot be written: it is read only" in done.stderr
    assert f"chmod u+w {name}" in done.stderr


def test_an_env_that_leads_to_itself_is_said(lake):
    (lake.path / ".env").symlink_to(".env")
    done = lake.run("add-source", "luna", "moon://h", "--password-stdin", "--yes", stdin=TOKEN)
    assert done.exit_code == 1, str(done)
    assert ".env: cannot be read: the link leads to itself" in done.stderr
    assert (lake.path / "config/sources.yaml").read_text() == SOURCES


def test_what_is_wrong_with_an_option_is_not_said_of_lines_that_are_not_there(lake):
    done = untouched(lake, "luna", "moon://h", "--password-stdin", "--yes", "--set", "extract.mode=nope", exit_code=2, stdin=TOKEN)
    assert "sources.yaml:" not in done.stderr
    assert "extract.mode" in done.stderr


def test_a_dry_run_shows_and_writes_nothing(lake):
    done = untouched(lake, "luna", "moon://h", "--password-stdin", "--dry-run", exit_code=0, stdin=TOKEN)
    assert "- name: luna" in done.stdout
    assert ".env: LUNA_TOKEN=***" in done.stdout
    assert "l4na" not in done.stdout + done.stderr


def test_without_a_test_nothing_is_reached(lake):
    done = lake.run(
        "add-source", "luna", "moon://h", "--password-stdin", "--yes", "--no-test", "--table", "phases", "--json", stdin="wr0ng"
    )
    assert done.exit_code == 0, str(done)
    assert done.results[0]["tables"] == []
    assert lake.lake.project.sources["luna"].tables[0].name == "phases"


def test_tables_are_names_and_patterns(lake):
    done = untouched(lake, "luna", "moon://h", "--password-stdin", "--yes", "--table", "phaces", exit_code=2, stdin=TOKEN)
    assert "did you mean 'phases'?" in done.stderr
    done = lake.run("add-source", "luna", "moon://h", "--password-stdin", "--yes", "--table", "c*", "--table", "z*", "--json", stdin=TOKEN)
    assert [table["table"] for table in done.results[0]["tables"]] == ["craters"]
    assert done.json["warnings"] == ["no table matches 'z*' now"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_is_asked_about_env(lake):
    subprocess.run(["git", "init", "-q", lake.path], check=True)
    done = lake.run("add-source", "luna", "moon://h", "--password-stdin", "--yes", stdin=TOKEN)
    assert "git" not in done.stderr
    (lake.path / ".gitignore").write_text("data\n")
    done = lake.run("add-source", "selene", "moon://h", "--password-stdin", "--yes", stdin="l4na-other")
    assert "git would take .env along" in done.stderr


class Terminal:
    """The command at a terminal of its own: what it shows, and what is typed."""

    def __init__(self, *args, cwd):
        pid, self._descriptor = pty.fork()
        if pid == 0:
            os.chdir(cwd)
            os.execve(command()[0], [*command(), *args], environment({"TERM": "xterm", "COLUMNS": "120"}))
        self._pid, self.shown, self._seen = pid, "", 0

    def until(self, words):
        """Wait until something is shown."""
        deadline = time.monotonic() + 30
        while words not in self.shown[self._seen :]:
            assert time.monotonic() < deadline, f"{words!r} is not in\n{self.shown}"
            if select.select([self._descriptor], [], [], 1)[0]:
                try:
                    self.shown += os.read(self._descriptor, 65536).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"it ended without {words!r}:\n{self.shown}") from None
        self._seen = self.shown.index(words, self._seen) + len(words)
        return self

    def type(self, text):
        os.write(self._descriptor, text.encode())
        return self

    def ended(self):
        """The exit code."""
        while True:
            try:
                part = os.read(self._descriptor, 65536)
            except OSError:
                break
            if not part:
                break
            self.shown += part.decode(errors="replace")
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def test_somebody_at_a_terminal_is_asked(lake):
    terminal = Terminal("add-source", cwd=lake.path)
    terminal.until("URL, or path").type("\n").until("Type").type("moon\n")
    terminal.until("Name of the source").type("luna\n")
    terminal.until("Where the moon is.").until("connection.host").type("\n")
    terminal.until("connection.token: ").type("l4na-hidden\n")
    terminal.until("Which tables").type("1 9\n").until("no table 9").until("Which tables").type("1 cr*\n")
    terminal.until(".env: LUNA_TOKEN=***").until("Write this?").type("y\n").until("ducklake extract luna")
    assert terminal.ended() == 0, terminal.shown
    assert "hidden" not in terminal.shown
    source = yaml.safe_load((lake.path / "config/sources.yaml").read_text())["sources"][0]
    assert source == {"name": "luna", "type": "moon", "connection": {"token": "${LUNA_TOKEN}"}, "tables": ["phases", "cr*"]}


def test_text_that_is_typed_stays_text_whatever_it_looks_like(lake):
    terminal = Terminal("add-source", "luna", "--type", "moon", cwd=lake.path)
    terminal.until("connection.host").type("0123\n").until("connection.token: ").type("l4na-hidden\n")
    terminal.until("Which tables").type("\n").until("Write this?").type("\n").until("ducklake extract luna")
    assert terminal.ended() == 0, terminal.shown
    assert '      host: "0123"\n' in (lake.path / "config/sources.yaml").read_text()
    terminal = Terminal("add-source", "selene", "--type", "moon", cwd=lake.path)
    terminal.until("connection.host").type("null\n").until("connection.token: ").type("l4na-hidden\n")
    terminal.until("Which tables").type("\n").until("Write this?").type("\n").until("ducklake extract selene")
    assert terminal.ended() == 0, terminal.shown
    assert '      host: "null"\n' in (lake.path / "config/sources.yaml").read_text()


def test_a_password_that_is_refused_can_be_typed_again(lake):
    terminal = Terminal("add-source", "luna", "moon://h", cwd=lake.path)
    terminal.until("connection.token: ").type("wr0ng-s3cret\n").until("the moon refuses").until("once more").type("l4na-hidden\n")
    terminal.until("Which tables").type("\n").until("Write this?").type("\n").until("ducklake extract luna")
    assert terminal.ended() == 0, terminal.shown
    assert "s3cret" not in terminal.shown
    assert lake.lake.project.environment.variables["LUNA_TOKEN"] == "l4na-hidden"


def test_a_password_that_is_refused_and_given_up_leaves_everything_as_it_was(lake):
    terminal = Terminal("add-source", "luna", "moon://h", cwd=lake.path)
    terminal.until("connection.token: ").type("wr0ng-s3cret\n").until("once more").type("\n")
    assert terminal.ended() == 4, terminal.shown
    assert not (lake.path / ".env").exists()


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\x03", 130), ("\x04", 2)], ids=["no", "ctrl_c", "ctrl_d"])
def test_who_does_not_agree_finds_everything_as_it_was(lake, answer, code):
    terminal = Terminal("add-source", "luna", "moon://h", "--set", "phases=3", cwd=lake.path)
    terminal.until("connection.token: ").type("l4na-hidden\n").until("Which tables").type("\n").until("Write this?").type(answer)
    assert terminal.ended() == code, terminal.shown
    assert (lake.path / "config/sources.yaml").read_text() == SOURCES
    assert not (lake.path / ".env").exists()


def test_the_help_names_every_option(lake):
    text = lake.ok("add-source", "--help").stdout
    for option in (
        "--type",
        "--url",
        "--set",
        "--table",
        "--mode",
        "--key-column",
        "--password-env",
        "--password-stdin",
        "--yes",
        "--dry-run",
        "--no-test",
    ):
        assert option in text


def test_the_document_is_one_also_on_failure(lake):
    done = lake.run("add-source", "luna", "moon://h", "--json")
    assert json.loads(done.stdout)["errors"][0]["code"] == "usage"
