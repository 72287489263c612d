"""Write the generated pages of docs/reference from the code: hooks, contracts, plugins with their options, connectors.

python .ci/reference.py            write them
python .ci/reference.py --check    exit 1 if one of them is not what the code says
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "ducklake-core/src/ducklake"
REFERENCE = ROOT / "docs/reference"
MARK = "<!-- generated from the code by .ci/reference.py -->"

GROUPS = {
    "Registration": "Called once, when the plugin is loaded. Register classes, not instances.",
    "Observers": "Told while work is done, one after the other. Plugins of kind `observer` and `lake_plugins.py` get them.\n"
    "What the events carry: [Events](contracts.md#events).",
    "Questions": "The first plugin that answers counts.",
}
CONTRACTS = {
    "Connectors": ("connector", "rows", "extraction"),
    "Transforms": ("transform",),
    "Quality checks": ("quality",),
    "Storage writers": ("writer",),
    "Engines": ("engine",),
    "Events": ("events",),
    "Options": ("options",),
    "Names and schemas": ("tables",),
    "SQL": ("sql", "parse"),
    "Registrars": ("registrar",),
    "Results": ("results",),
}
CAPABILITIES = {
    "tables": "`tables:` chooses among its tables, by name, pattern or mapping",
    "incremental": "`extract.key_column` lands only rows that are new or changed",
    "ledger": "it lands only files that are new or changed, by a ledger of their content",
    "window": "`extract.window` lands a first load piece by piece",
    "query": "`query:` makes a table of a SELECT",
    "columns": "`extract.columns` and `extract.exclude` are left to the server",
    "where": "`extract.where` is left to the server",
    "parallel": "`extract.parallel` reads one table through several connections",
    "one_snapshot": "`extract.snapshot: source` reads all tables as of one moment",
    "on_invalid": "`extract.on_invalid` decides about values that have no place in the lake's types",
    "verify": "`extract.verify` compares what was written with the source",
}
"""The words of `Connector.capabilities` that a user sees."""


def main(check: bool) -> int:
    """Write the pages, or compare them.

    Args:
        check: Whether to compare only.
    """
    wrong = []
    for name, body in (("hooks.md", hooks()), ("contracts.md", contracts()), ("plugins.md", plugins()), *connectors()):
        path = REFERENCE / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        text = formatted(path, f"{before.partition(MARK)[0]}{MARK}\n\n{body.strip()}\n")
        if text != before:
            wrong.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    for name in wrong:
        print(f"docs/reference/{name}: {'is not what the code says; run python .ci/reference.py' if check else 'written'}")
    return 1 if wrong and check else 0


def formatted(path: Path, text: str) -> str:
    """A page whose code is formatted as all code is.

    Args:
        path: Of the page.
        text: What is to stand in it.
    """
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "format", "--stdin-filename", str(path), "-"]
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=True)
    return done.stdout


def hooks() -> str:
    """Every hook with its exact signature, by group."""
    tree = ast.parse((CORE / "hookspecs.py").read_text(encoding="utf-8"))
    parts: dict[str, list[str]] = {name: [] for name in GROUPS}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            first = any("firstresult" in ast.unparse(decorator) for decorator in node.decorator_list)
            group = "Questions" if first else "Registration" if node.name.startswith("register_") else "Observers"
            parts[group].append(f"### `{node.name}`\n\n```python\n{signature(node)}: ...\n```\n\n{prose(ast.get_docstring(node) or '')}")
    return "\n\n".join(f"## {name}\n\n{GROUPS[name]}\n\n" + "\n\n".join(found) for name, found in parts.items())


def contracts() -> str:
    """What `ducklake.api` offers, by contract."""
    sections = []
    for title, modules in CONTRACTS.items():
        parts = []
        for module in modules:
            tree = ast.parse((CORE / f"api/{module}.py").read_text(encoding="utf-8"))
            public = public_names(module)
            parts += [entry(node) for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in public]
        sections.append(f"## {title}\n\n" + "\n\n".join(parts))
    return "\n\n".join(sections)


def public_names(module: str) -> set[str]:
    """The names that `ducklake.api` takes from one of its modules.

    Args:
        module: Without the package.
    """
    from ducklake import api

    homes: Mapping[str, tuple[str, ...]] = vars(api)["_HOMES"]
    return set(homes.get(module, ()))


def entry(node: ast.ClassDef | ast.FunctionDef) -> str:
    """A class with its attributes and methods, or a function.

    Args:
        node: Of the module.
    """
    text = prose(ast.get_docstring(node) or "")
    if isinstance(node, ast.FunctionDef):
        return f"### `{node.name}`\n\n```python\n{signature(node)}: ...\n```\n\n{text}"
    bases = [ast.unparse(base) for base in node.bases if ast.unparse(base) not in {"abc.ABC", "Configured"}]
    derived = f"({', '.join(bases)})" if bases else ""
    lines = [f"class {node.name}{derived}:"]
    methods = []
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and not item.target.id.startswith("_"):
            value = f" = {ast.unparse(item.value)}" if item.value is not None else ""
            lines.append(f"    {item.target.id}: {ast.unparse(item.annotation)}{value}")
        if isinstance(item, ast.FunctionDef) and (not item.name.startswith("_") or item.name == "__call__"):
            abstract = any(ast.unparse(decorator) == "abc.abstractmethod" for decorator in item.decorator_list)
            lines.append(f"    {signature(item)}: ...{'  # to be written' if abstract else ''}")
            methods.append(f"**`{item.name}`** {prose(ast.get_docstring(item) or '')}")
    shown = "\n".join(lines if len(lines) > 1 else [*lines, "    ..."])
    return "\n\n".join([f"### `{node.name}`", f"```python\n{shown}\n```", text, *methods])


def signature(node: ast.FunctionDef) -> str:
    """As it stands in the code.

    Args:
        node: The function.
    """
    returns = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"def {node.name}({ast.unparse(node.args)}){returns}"


def prose(docstring: str) -> str:
    """A Google docstring as Markdown.

    Args:
        docstring: Cleaned of its indentation.
    """
    paragraphs: list[str] = []
    section = ""
    for block in docstring.split("\n\n"):
        head, _, rest = block.partition("\n")
        if head in {"Args:", "Attributes:", "Returns:", "Raises:", "Yields:", "Example:"}:
            section, block = head, textwrap.dedent(rest)
        elif section != "Example:":
            section = ""
        if section in {"Args:", "Attributes:", "Raises:"}:
            paragraphs.append("\n".join(items(block, section == "Raises:")))
        elif section in {"Returns:", "Yields:"}:
            paragraphs.append(f"{section[:-1]}: {' '.join(block.split())}")
        elif section == "Example:":
            paragraphs.append(f"```python\n{textwrap.dedent(block)}\n```")
        elif block.startswith("    "):
            paragraphs.append(f"```text\n{textwrap.dedent(block)}\n```")
        else:
            paragraphs.append(" ".join(block.split()))
    return "\n\n".join(paragraphs)


def items(block: str, raises: bool) -> Iterator[str]:
    """The entries of `Args:` and the like as a list.

    Args:
        block: Lines `name: text`, indented where they go on.
        raises: Whether the names are exceptions.
    """
    found: list[str] = []
    for line in block.splitlines():
        if line.startswith(" ") and found:
            found[-1] += f" {line.strip()}"
        else:
            found.append(line.strip())
    for item in found:
        name, _, text = item.partition(":")
        yield f"- {'raises ' if raises else ''}`{name.strip()}`: {text.strip()}"


def plugins() -> str:
    """Our plugins by kind, each with its options."""
    from ducklake.plugins.manager import PluginManager

    manager = PluginManager()
    ours = [path.parent.name for path in sorted((ROOT / "plugins").glob("*/pyproject.toml"))]
    rows, sections = [], []
    for kind in ("connector", "transform", "check", "writer", "engine"):
        for found in manager.load_all(kind):
            if found.plugin.distribution in (*ours, "ducklake-core"):
                aliases = " (also `" + "`, `".join(getattr(found.cls, "aliases", ())) + "`)" if getattr(found.cls, "aliases", ()) else ""
                if found.name in getattr(found.cls, "aliases", ()):
                    continue
                summary = (found.cls.__doc__ or "").strip().splitlines()[0]
                rows.append(f"| {kind} | `{found.name}`{aliases} | `{found.plugin.distribution}` | {cell(summary)} |")
                if hasattr(found.cls, "Options"):
                    table = options(found.cls.Options.model_json_schema())
                    head = "| option | type | default | |\n|---|---|---|---|\n"
                    text = head + "\n".join(table) if table else "No options."
                    sections.append(f"## {kind} `{found.name}`\n\n`pip install {found.plugin.distribution}`\n\n{text}")
    return "| kind | name | package | |\n|---|---|---|---|\n" + "\n".join(rows) + "\n\n" + "\n\n".join(sections)


def connectors() -> Iterator[tuple[str, str]]:
    """A page for each of our connectors: what its package says of itself, all its options, and what it can.

    Yields:
        The page's name and text.
    """
    from ducklake.plugins.manager import PluginManager

    for found in PluginManager().load_all("connector"):
        readme = ROOT / "plugins" / str(found.plugin.distribution) / "README.md"
        if not readme.exists():
            continue
        text = readme.read_text(encoding="utf-8").partition("\n")[2].strip()
        text = re.sub(r" A plugin of \[DuckLake\]\([^)]*\): [^.]*\.", "", text).replace("](../../docs/", "](../")
        able = "\n".join(f"- {CAPABILITIES[word]}" for word in CAPABILITIES if word in found.cls.capabilities)
        head = "| option | type | default | |\n|---|---|---|---|\n"
        table = head + "\n".join(options(found.cls.Options.model_json_schema()))
        yield (
            f"connector-{found.name}.md",
            f"# Connector `{found.name}`\n\n{text}\n\n## All options\n\n{table}\n\n## What it can\n\n{able}\n",
        )


def options(schema: Mapping[str, Any], place: str = "", definitions: Mapping[str, Any] | None = None) -> list[str]:
    """Rows of a table: the options of a model, those of models within it behind a dot.

    Args:
        schema: JSON Schema of an object.
        place: Where the object stands.
        definitions: Of the whole schema.
    """
    known = definitions if definitions is not None else schema.get("$defs", {})
    required = schema.get("required", [])
    rows = []
    for name, field in schema.get("properties", {}).items():
        target = referred(field, known)
        kind = "mapping" if target is not None else kind_of(field, known)
        default = "required" if name in required else "" if field.get("default") is None else f"`{field['default']}`"
        rows.append(f"| `{place}{name}` | {cell(kind)} | {cell(default)} | {cell(field.get('description', ''))} |")
        if target is not None:
            rows += options(target, f"{place}{name}.", known)
    return rows


def referred(field: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The model that a field holds, if it holds exactly one.

    Args:
        field: JSON Schema of the field.
        known: Definitions.
    """
    for option in (field, *field.get("anyOf", []), *field.get("allOf", [])):
        if "$ref" in option:
            target: Mapping[str, Any] = known[option["$ref"].rpartition("/")[2]]
            return target if target.get("type") == "object" and "properties" in target else None
    return None


def kind_of(field: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """A field's type in words.

    Args:
        field: JSON Schema of the field.
        known: Definitions.
    """
    if "$ref" in field:
        return kind_of(known[field["$ref"].rpartition("/")[2]], known)
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(kind_of(option, known) for option in field["anyOf"] if option.get("type") != "null"))
    if field.get("type") == "array":
        return f"list of {kind_of(field.get('items', {}), known)}"
    if field.get("type") == "object":
        return "mapping"
    if field.get("format") == "password":
        return "secret"
    return str(field.get("type", "anything"))


def cell(text: str) -> str:
    """Text for a cell of a table.

    Args:
        text: Of one line.
    """
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
