"""Transformations of your own in `lake_plugins.py`: one written in SQL, one in Python over Arrow."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ducklake import Lake

LAKE_PLUGINS = '''
from collections.abc import Iterable, Iterator, Sequence

from ducklake.api import Column, Options, PythonTransform, Relation, Schema, Transform, TransformContext, hookimpl
from ducklake.api.sql import quote

api = 1


class TidyOptions(Options):
    """Options of step `tidy`."""

    columns: list[str]


class Tidy(Transform[TidyOptions]):
    """Trims texts and writes them in lower case."""

    name = "tidy"
    Options = TidyOptions

    def to_sql(self, inputs: Sequence[Relation], context: TransformContext) -> str:
        chosen = [quote(inputs[0].schema.require(name).name) for name in self.options.columns]
        replaced = ", ".join(f"lower(trim({name})) AS {name}" for name in chosen)
        return f"SELECT * REPLACE ({replaced}) FROM {inputs[0].sql}"


class InitialsOptions(Options):
    """Options of step `initials`."""

    column: str


class Initials(PythonTransform[InitialsOptions]):
    """Adds the initials of a name: something that is easier to say in Python."""

    name = "initials"
    Options = InitialsOptions

    def output(self, inputs: Sequence[Relation], context: TransformContext) -> Schema:
        inputs[0].schema.require(self.options.column)
        return Schema((*inputs[0].schema.columns, Column("initials", "VARCHAR")))

    def apply(self, batches: Iterable["pa.RecordBatch"], context: TransformContext) -> Iterator["pa.RecordBatch"]:
        import pyarrow as pa

        for batch in batches:
            names = batch.column(self.options.column).to_pylist()
            initials = ["".join(word[0] for word in name.split()) if name else None for name in names]
            yield batch.append_column("initials", pa.array(initials, pa.string()))


@hookimpl
def register_transforms(register):
    register(Tidy)
    register(Initials)
'''

SOURCES = "sources: [{name: crm, type: csv, path: personas.csv}]\n"

PIPELINES = """
pipelines:
  - name: personas_staging
    source: {layer: raw, domain: crm, table: personas}
    destination: {layer: staging, domain: crm, table: personas}
    transforms:
      - {type: tidy, columns: [nombre]}
      - {type: initials, column: nombre}
    quality_checks:
      - {type: not_null, columns: [initials]}
"""

PEOPLE = """id,nombre
1,"  Ada LOVELACE "
2,Grace Hopper
"""


def main(project: Path) -> None:
    """Build the lake in a folder and show what comes out.

    Args:
        project: An empty folder that belongs to you; `lake_plugins.py` is not loaded from another's.
    """
    files = {
        "lake_plugins.py": LAKE_PLUGINS,
        "config/sources.yaml": SOURCES,
        "config/pipelines.yaml": PIPELINES,
        "personas.csv": PEOPLE,
    }
    for name, text in files.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    lake = Lake(project)
    lake.extract("crm")
    ran = lake.run("personas_staging")
    assert ran.ok, [table.error for table in ran.results]
    for row in lake.query("SELECT id, nombre, initials FROM staging.crm.personas ORDER BY id").rows:
        print(*row)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
