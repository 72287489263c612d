"""What the documentation says exists: links, commands and options, configuration, code."""

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml

from documentation import all_blocks, blocks, pages
from ducklake import errors
from ducklake.testing.project import run_command
from workspace import PLUGINS, ROOT

GROUPS = {"catalog", "config", "plugins"}
FILES = {"sources": "sources.yaml", "pipelines": "pipelines.yaml"}
PIPELINE = {
    "name": "p",
    "source": {"layer": "staging", "domain": "d", "table": "t"},
    "destination": {"layer": "consume", "use_case": "bi", "table": "t"},
}
VARIABLES = {
    "ERP_USER": "u",
    "ERP_PASSWORD": "a secret",
    "API_URL": "http://localhost",
    "API_TOKEN": "a secret",
    "MYSQL_PASSWORD": "another",
    "APP_ID": "an id",
    "APP_SECRET": "a secret",
}


CLASS = r"class (\w+)[(]RowsConnector"
REGISTERED = """
from ducklake.api import hookimpl


@hookimpl
def register_connectors(register):
    register({})
"""


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        to = (page.parent / name).resolve() if name else page
        assert to.exists(), f"{page.relative_to(ROOT)}: {target}"
        if anchor:
            assert anchor in {slug(line) for line in re.findall(r"^#+ (.*)$", to.read_text(encoding="utf-8"), re.MULTILINE)}


def commands() -> list[tuple[str, list[str]]]:
    """Every `ducklake ...` that a page tells the reader to type: where, and its words."""
    found = []
    for block in all_blocks("bash", "console"):
        for line in block.text.splitlines():
            for part in re.split(r"&&|\|\|?(?![^\"']*[\"'])|;", line.strip().removeprefix("$ ")):
                words = shlex.split(part, comments=True) if "ducklake" in part and "<<" not in part else []
                if "ducklake" in words:
                    found.append((str(block), words[words.index("ducklake") + 1 :]))
    for page in pages():
        for inline in re.findall(r"`ducklake ([a-z][^`]*)`", page.read_text(encoding="utf-8")):
            plain = re.sub(r"[\[\]|]|\.\.\.", " ", inline)
            found.append((str(page.relative_to(ROOT)), shlex.split(plain)))
    return found


@cache
def help_of(*command: str) -> str:
    outcome = run_command(*command, "--help")
    assert outcome.exit_code == 0, str(outcome)
    return outcome.stdout


def test_commands_in_the_documentation_exist():
    seen = set()
    for place, words in commands():
        arguments = list(words)
        while arguments and arguments[0].startswith("-"):
            arguments = arguments[2:] if arguments[0] in {"-C", "--project"} else arguments[1:]
        command = [name for name in arguments[:1] if name.islower()]
        if command and command[0] in GROUPS and arguments[1:] and re.fullmatch("[a-z]+", arguments[1]):
            command.append(arguments[1])
        text = help_of(*command)
        seen.add(" ".join(command))
        for option in (word for word in words if re.fullmatch(r"--?[a-zA-Z][\w-]*", word)):
            if option not in {"--help", "--version", "--install-completion"}:
                assert re.search(rf"(?<![\w-]){option}(?![\w-])", text + help_of()), f"{place}: ducklake {' '.join(words)} has no {option}"
    assert {"init", "extract", "run", "catalog show", "config schema"} <= seen


def test_every_command_is_on_the_page_of_commands():
    page = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^## `ducklake ([\w-]+)", page, re.MULTILINE))
    listed = set(re.findall(r"^  ([a-z][a-z-]*) {2,}\S", help_of(), re.MULTILINE))
    assert listed
    assert described == listed


def sources_of(page: Path) -> list[dict]:
    """The sources that a page has described, for its pipelines."""
    documents = [yaml.safe_load(block.text) for block in blocks(page) if block.language == "yaml"]
    found = {source["name"]: source for document in documents for source in document.get("sources", [])}
    return list(found.values())


@pytest.mark.parametrize("block", all_blocks("yaml"), ids=str)
def test_yaml_in_the_documentation_is_valid_configuration(block, lake_project, monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    document = yaml.safe_load(block.text)
    if document.keys() <= {"transforms", "quality_checks"}:
        document = {"pipelines": [{**PIPELINE, **document}]}
    by_file: dict[str, dict] = {}
    for key, value in document.items():
        by_file.setdefault("settings.yaml" if document.keys() - FILES.keys() else FILES[key], {})[key] = value
    if "pipelines" in document:
        by_file.setdefault("sources.yaml", {"sources": sources_of(block.page)})
    in_house = [other.text for other in blocks(block.page) if other.marks.get("file") == "lake_plugins.py"]
    in_house += [other.text for other in blocks(block.page) if other.language == "python" and "def register_connectors" in other.text]
    packaged = [other.text for other in blocks(block.page) if other.marks.get("file", "").endswith("/connector.py")]
    in_house += [text + REGISTERED.format(*re.findall(CLASS, text)) for text in packaged]
    project = lake_project({f"config/{name}": content for name, content in by_file.items()})
    if in_house:
        project.write({"lake_plugins.py": in_house[0]})
    problems = [str(problem) for problem in project.lake.validate().problems]
    assert [problem for problem in problems if "no pipeline publishes" not in problem] == []  # a page may show one pipeline of many


@pytest.mark.parametrize("page", ["README.md", "docs/connectors.md"])
def test_in_house_connector_of_the_page_lands_its_rows(page, lake_project):
    source = next(block.text for block in blocks(ROOT / page) if block.language == "python" and "def register_connectors" in block.text)
    kind, table = ("moon", "phases") if page == "README.md" else ("rates", "rates")
    project = lake_project({"lake_plugins.py": source, "config/sources.yaml": {"sources": [{"name": "s", "type": kind}]}})
    project.ok("extract", "s")
    assert project.query(f"SELECT count(*) > 1 FROM raw.s.{table}") == [[True]]


@pytest.mark.parametrize("block", all_blocks("python", "toml", "json"), ids=str)
def test_code_in_the_documentation_parses(block):
    {"python": ast.parse, "toml": tomllib.loads, "json": json.loads}[block.language](block.text)


def test_every_option_is_documented():
    """Core's and each plugin's: the names of the JSON Schema stand on the page of configuration or of connectors."""
    text = "".join((ROOT / "docs" / page).read_text(encoding="utf-8") for page in ("reference/configuration.md", "connectors.md"))
    outcome = run_command("config", "schema", "-C", str(ROOT))
    assert outcome.exit_code == 0, str(outcome)
    missing = {name for name in property_names(json.loads(outcome.stdout)) if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)}
    assert not missing


def property_names(schema: object) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(property_names, schema))
    if not isinstance(schema, dict):
        return set()
    own = set(schema.get("properties", {})) if isinstance(schema.get("properties"), dict) else set()
    return own.union(*map(property_names, schema.values()))


def test_every_error_is_documented_with_its_exit_code():
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    for kind in (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DuckLakeError)):
        assert re.search(rf"\b{kind.__name__}\b", page)
        if kind is not errors.DuckLakeError:
            assert re.search(rf"^\| {kind.exit_code} \|.*`{kind.code}`", page, re.MULTILINE), kind.code


def test_readme_begins_with_what_it_is_and_names_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "data lake framework on DuckDB" in readme[:200]
    for command in ("pip install uv && uv run ducklake demo", "pip install uv && uv run pytest"):
        assert f"```bash\n{command}\n```" in readme
    for package in PLUGINS:
        kind_and_name = package.folder.name.removeprefix("ducklake-")
        name = kind_and_name.partition("-")[2]
        assert package.folder.name in readme or f"`-{name}`" in readme, f"README does not name {package}"


@pytest.mark.skipif(not Path(ROOT / ".git").exists(), reason="only a clone has the configuration of the site")
def test_site_builds(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-f", ROOT / ".ci/mkdocs.yml", "-d", tmp_path / "site"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr


def test_the_map_of_contributing_leads_to_files_that_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`(core/[\w./]+|docs/[\w./]+|\.ci/[\w-]+|tests/[\w./]+)`", text)
    assert named
    for name in named:
        assert (ROOT / name.replace("core/", "ducklake-core/src/ducklake/", 1) if name.startswith("core/") else ROOT / name).exists(), name
