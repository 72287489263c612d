"""JSON Schema of the configuration, including the options of installed plugins; for editors and generators."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ducklake.config.models import CheckConfig, PipelineConfig, Settings, SourceConfig, StepConfig

if TYPE_CHECKING:
    from pydantic import BaseModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_REFERENCE = {"$ref": "#/$defs/reference"}

_KINDS: tuple[tuple[str, type[BaseModel]], ...] = (("connector", SourceConfig), ("transform", StepConfig), ("check", CheckConfig))


def project_schema(options: Mapping[str, Mapping[str, type[BaseModel]]]) -> dict[str, Any]:
    """One document for all three files; `$defs` holds `sources.yaml`, `pipelines.yaml` and `settings.yaml`.

    Args:
        options: The models of plugins' options, by kind (`connector`, `transform`, `check`) and name.
    """
    defs: dict[str, Any] = {"reference": {"type": "string", "pattern": r"\$\{.+\}", "description": "A reference such as ${NAME}."}}
    blocks = {model: _block(kind, model, options.get(kind, {}), defs) for kind, model in _KINDS}
    pipeline = _core(PipelineConfig, defs)
    for key, model in (("transforms", StepConfig), ("quality_checks", CheckConfig)):
        pipeline["properties"][key]["items"] = blocks[model]
    settings = _core(Settings, defs)
    defs |= {"source": blocks[SourceConfig], "pipeline": pipeline}
    files = {
        "sources.yaml": _file("sources", "source", "Where data comes from."),
        "pipelines.yaml": _file("pipelines", "pipeline", "What becomes of it."),
        "settings.yaml": {**settings, "type": ["object", "null"]},
    }
    return {
        "$schema": DIALECT,
        "title": "DuckLake project",
        "description": "Point an editor at #/$defs/sources.yaml, #/$defs/pipelines.yaml or #/$defs/settings.yaml.",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in files],
        "$defs": {**files, **dict(sorted(defs.items()))},
    }


def _file(key: str, block: str, description: str) -> dict[str, Any]:
    entries = {"type": ["array", "null"], "items": {"$ref": f"#/$defs/{block}"}}
    return {"type": ["object", "null"], "description": description, "additionalProperties": False, "properties": {key: entries}}


def _core(model: type[BaseModel], defs: dict[str, Any]) -> dict[str, Any]:
    """A core model's schema; what it refers to goes to `defs`."""
    schema = _spell(_generate(model, "core", defs))
    if issubclass(model, PipelineConfig):
        schema["oneOf"] = [{"required": ["source"]}, {"required": ["sources"]}]
    return schema


def _block(kind: str, core: type[BaseModel], options: Mapping[str, type[BaseModel]], defs: dict[str, Any]) -> dict[str, Any]:
    """A block whose `type` chooses the plugin: core's keys and the plugin's in one closed object."""
    base = _core(core, defs)
    if not options:
        return {**base, "additionalProperties": True}
    members = []
    for name, model in sorted(options.items()):
        own = _generate(model, f"{kind}.{name}", defs)
        member = copy.deepcopy(base)
        member["title"] = f"{kind} {name}"
        member["description"] = own.get("description") or base.get("description", "")
        member["properties"] = {**base["properties"], **own.get("properties", {}), "type": {"const": name}}
        member["required"] = sorted({*base.get("required", []), *own.get("required", [])})
        member["additionalProperties"] = own.get("additionalProperties", False)
        defs[f"{kind}.{name}"] = member
        members.append({"$ref": f"#/$defs/{kind}.{name}"})
    return {"oneOf": members}


def _generate(model: type[BaseModel], prefix: str, defs: dict[str, Any]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{prefix}.{{model}}")
    for name, definition in schema.pop("$defs", {}).items():
        defs[f"{prefix}.{name}"] = _spell(_with_references(definition))
    result: dict[str, Any] = _with_references(schema)
    return result


def _with_references(schema: Any) -> Any:
    """Let `${NAME}` stand for every value that is no text, since references are replaced before validation."""
    if isinstance(schema, list):
        return [_with_references(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "anyOf" in schema:
        members = schema["anyOf"]
        extra = [_REFERENCE] if any(_no_text(member) for member in members) else []
        return {**schema, "anyOf": [*(member if _no_text(member) else _with_references(member) for member in members), *extra]}
    if _no_text(schema):
        about = {key: schema[key] for key in ("title", "description", "default") if key in schema}
        return {**about, "anyOf": [{key: value for key, value in schema.items() if key not in about}, _REFERENCE]}
    return {key: value if key in ("default", "const", "examples") else _with_references(value) for key, value in schema.items()}


def _no_text(schema: Any) -> bool:
    return isinstance(schema, dict) and (schema.get("type") in ("integer", "number", "boolean") or "enum" in schema)


def _spell(schema: dict[str, Any]) -> dict[str, Any]:
    """`domain` may be spelled `use_case`."""
    properties = schema.get("properties", {})
    if "domain" in properties:
        properties["use_case"] = properties["domain"]
        schema["required"] = [key for key in schema["required"] if key != "domain"]
        schema["oneOf"] = [{"required": ["domain"]}, {"required": ["use_case"]}]
    return schema
