"""The templates run as they stand, their examples name every option, and the repository's own config/ equals them."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from ducklake.config.loader import parse_yaml, validate_model
from ducklake.config.project import load_project
from ducklake.config.schema import project_schema
from ducklake.plugins.manager import PluginManager

TEMPLATES = Path(str(files("ducklake") / "templates/project"))
ROOT = Path(__file__).resolve().parents[2]
VARIABLES = {
    "ERP_USER": "reader",
    "ERP_PASSWORD": "secret-word",
    "MYSQL_HOST": "h",
    "MYSQL_USER": "u",
    "MYSQL_PASSWORD": "p",
    "SQLSERVER_USER": "u",
    "SQLSERVER_PASSWORD": "p",
}


def config_of(tmp_path, ending):
    (tmp_path / "config").mkdir()
    for name in ("sources", "pipelines", "settings"):
        text = (TEMPLATES / f"config/{name}.yaml{ending}").read_text(encoding="utf-8")
        (tmp_path / f"config/{name}.yaml").write_text(text, encoding="utf-8")
    return load_project(tmp_path)


def test_the_templates_are_an_empty_valid_project(tmp_path):
    project = config_of(tmp_path, "")
    assert (project.sources, project.pipelines) == ({}, {})


def test_the_examples_are_valid_with_every_plugin_of_this_repository(tmp_path, monkeypatch):
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    project, manager = config_of(tmp_path, ".example"), PluginManager()
    for source in project.sources.values():
        assert source.missing == ()
        validate_model(manager.connector(source.type).cls.Options, source.options)
    for pipeline in project.pipelines.values():
        for step in pipeline.transforms:
            validate_model(manager.transform(step.type).cls.Options, step.options)
        for check in pipeline.quality_checks:
            validate_model(manager.check(check.type).cls.Options, check.options)


def test_every_variable_of_the_examples_is_in_the_example_of_dotenv():
    text = "".join((TEMPLATES / f"config/{name}.yaml.example").read_text(encoding="utf-8") for name in ("sources", "pipelines", "settings"))
    dotenv = (TEMPLATES / "env.example").read_text(encoding="utf-8")
    used = set(re.findall(r"\$\{([A-Z_]+)(?:\}|:-)", text)) - {"NAME"}
    assert used
    assert {name for name in used if f"{name}=" not in dotenv} == set()


def keys_in(value):
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys_in(item)


def properties_in(schema, defs, seen):
    """Every key that a schema allows, through its references; free keys of mappings are none."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            seen.add(name)
            yield from properties_in(defs[name], defs, seen)
    for key, below in schema.get("properties", {}).items():
        yield key
        yield from properties_in(below, defs, seen)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from properties_in(schema[word], defs, seen)
    for word in ("anyOf", "oneOf", "allOf"):
        for member in schema.get(word, []):
            yield from properties_in(member, defs, seen)


@pytest.mark.parametrize("name", ["sources.yaml", "pipelines.yaml", "settings.yaml"])
def test_the_example_names_every_option_of_core_and_of_the_plugins(name):
    defs = project_schema(PluginManager().option_models())["$defs"]
    text = (TEMPLATES / f"config/{name}.example").read_text(encoding="utf-8")
    node = parse_yaml(text, name)
    words = ("mode", "key_column", "lookback", "timeout", "schedule", "columns", "exclude", "where", "parallel", "window")
    in_words = {key for key in words if f"# {key}:" in text or f"#     {key}:" in text}
    assert set(properties_in(defs[name], defs, set())) - set(keys_in(node.value)) - in_words == set()


def test_the_brief_stands_in_the_examples_with_connectors_to_come_as_comments():
    text = (TEMPLATES / "config/sources.yaml.example").read_text(encoding="utf-8")
    for line in ("type: mysql", "password: ${MYSQL_PASSWORD}", "key_column: updated_at"):
        assert any(not row.lstrip().startswith("#") and line in row for row in text.splitlines())
    for line in ("type: sftp", "path: /exports/*.csv"):
        assert any(row.startswith("  #") and line in row for row in text.splitlines())


def test_config_of_the_repository_equals_the_templates():
    templates = {path.name: path.read_bytes() for path in (TEMPLATES / "config").iterdir()}
    assert {path.name: path.read_bytes() for path in (ROOT / "config").iterdir()} == templates


def test_the_example_of_in_house_plugins_works(tmp_path):
    (tmp_path / "lake_plugins.py").write_text((TEMPLATES / "lake_plugins.py.example").read_text(encoding="utf-8"), encoding="utf-8")
    manager = PluginManager(project=tmp_path)
    assert manager.transform("upper").plugin.status == "ok"


def test_every_reference_of_the_schema_leads_somewhere():
    document = project_schema(PluginManager().option_models())
    found = []

    def walk(value):
        if isinstance(value, dict):
            found.extend([value["$ref"]] if isinstance(value.get("$ref"), str) else [])
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(document)
    assert found
    assert {ref.removeprefix("#/$defs/") for ref in found} <= document["$defs"].keys()


def test_the_schema_lets_references_stand_for_numbers_and_knows_both_words_for_domain():
    defs = project_schema(PluginManager().option_models())["$defs"]
    assert {"$ref": "#/$defs/reference"} in defs["core.EngineConfig"]["properties"]["threads"]["anyOf"]
    assert {"domain", "use_case"} <= defs["core.DestinationConfig"]["properties"].keys()
    assert {"$ref": "#/$defs/transform.cast"} in defs["pipeline"]["properties"]["transforms"]["items"]["oneOf"]
    assert defs["transform.cast"]["properties"]["type"] == {"const": "cast"}


def test_the_schema_without_plugins_leaves_their_keys_open():
    defs = project_schema({})["$defs"]
    assert defs["source"]["additionalProperties"] is True
