"""What stands in sources.yaml, pipelines.yaml and settings.yaml: core's own keys.

Keys that belong to a plugin (`connection`, `columns`, ...) stay raw nodes (`options`); `plan` validates them
against the plugin's own model.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import AliasChoices, BeforeValidator, Field, field_validator, model_validator

from ducklake.config.base import Block, Model, PluginBlock
from ducklake.config.settings import ExtractSettings, Settings
from ducklake.config.types import Cron, Day, PlainName, Text, TimeLimit

__all__ = [
    "CheckConfig",
    "DestinationConfig",
    "ExtractSettings",
    "InputConfig",
    "PipelineConfig",
    "Settings",
    "SourceConfig",
    "StepConfig",
    "TableSelection",
]


class TableSelection(Model):
    """One entry of a source's `tables:`."""

    name: Text = Field(description='A table\'s name, or a pattern such as "ventas_*" or "*".')
    query: Text | None = Field(default=None, description="A SELECT in the source's own SQL, which lands as the table `name`.")
    extract: ExtractSettings | None = Field(default=None, description="Overrides the source's `extract` for this table.")

    @model_validator(mode="after")
    def _query_has_one_name(self) -> Self:
        if self.query is not None and any(character in self.name for character in "*?["):
            raise ValueError(f"'{self.name}' is a pattern; a query is one table and needs a plain name")
        return self


def _selection(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict | TableSelection):
        raise ValueError("write a table's name, in quotes if it looks like a number, or a mapping with 'name:'")
    return value


Selection = Annotated[TableSelection, BeforeValidator(_selection, json_schema_input_type=str | TableSelection)]


class SourceConfig(PluginBlock):
    """A source; the other keys are its connector's."""

    name: PlainName = Field(description="What commands and pipelines call it.")
    type: Text = Field(description="The connector.")
    enabled: bool = Field(default=True, description="false: `extract --all` passes it over.")
    description: str | None = Field(default=None, description="For people.")
    tables: tuple[Selection, ...] = Field(default=(), description="What is extracted; all tables if left out.")
    extract: ExtractSettings = Field(default_factory=ExtractSettings, description="How.")

    @field_validator("tables", mode="after")
    @classmethod
    def _once(cls, tables: tuple[TableSelection, ...]) -> tuple[TableSelection, ...]:
        twice = [name for name, count in Counter(table.name for table in tables).items() if count > 1]
        if twice:
            raise ValueError(f"'{twice[0]}' stands twice")
        return tables

    def extract_settings(self, selection: TableSelection | None, defaults: ExtractSettings) -> ExtractSettings:
        """What holds for a table: its own settings, then the source's, then those of settings.yaml.

        Args:
            selection: The entry of `tables` that matched, or None.
            defaults: `Settings.extract`.
        """
        own = self.extract.over(defaults)
        return selection.extract.over(own) if selection and selection.extract else own


class _TableConfig(Model):
    """What both ends of a pipeline share: the domain, which may be spelled `use_case`."""

    @model_validator(mode="before")
    @classmethod
    def _one_domain(cls, data: Any) -> Any:
        if isinstance(data, dict) and "domain" in data and "use_case" in data:
            raise ValueError("'domain' and 'use_case' are the same key; keep one of them")
        return data


class InputConfig(_TableConfig):
    """A table that a pipeline reads."""

    layer: Literal["raw", "staging", "consume"] = Field(description="raw, staging or consume.")
    domain: PlainName = Field(
        validation_alias=AliasChoices("domain", "use_case"), description="The source (raw), domain (staging) or use case (consume)."
    )
    table: Text = Field(description="The table.")
    alias: PlainName | None = Field(
        default=None, alias="as", description="What SQL steps call it; by default `input`, of several the table's name."
    )
    snapshots: Literal["latest", "all"] = Field(
        default="latest", description="Of raw tables: the latest complete extraction, or all of them."
    )

    first: Day | None = Field(
        default=None, alias="from", description="Of raw tables: only what landed on this day (UTC) or later.", examples=["2024-01-31"]
    )
    last: Day | None = Field(default=None, alias="to", description="Of raw tables: only what landed on this day (UTC) or before.")

    @model_validator(mode="after")
    def _snapshots_of_raw(self) -> Self:
        if self.snapshots == "all" and self.layer != "raw":
            raise ValueError(f"snapshots: only raw keeps several, {self.layer} holds one state")
        if (self.first or self.last) and self.layer != "raw":
            raise ValueError(f"from, to: days of landing, which only raw has; filter what you read of {self.layer}")
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"from: {self.first} is behind to: {self.last}")
        return self


class DestinationConfig(_TableConfig):
    """The table that a pipeline publishes."""

    layer: Literal["staging", "consume"] = Field(description="staging or consume.")
    domain: PlainName = Field(
        validation_alias=AliasChoices("domain", "use_case"), description="The domain (staging) or use case (consume; also `use_case:`)."
    )
    table: PlainName = Field(description="The table.")
    format: Text = Field(default="parquet", description="A storage writer.")
    mode: Literal["replace"] = Field(default="replace", description="The table becomes what the pipeline yields.")


class StepConfig(PluginBlock):
    """A step; the other keys are its transform's."""

    type: Text = Field(description="The transform.")


class CheckConfig(PluginBlock):
    """A quality check; the other keys are its own."""

    type: Text = Field(description="The check.")
    severity: Literal["error", "warn"] = Field(default="error", description="error: nothing is published if it fails.")
    max_failures: int | None = Field(default=None, ge=0, description="Rows that may fail.")
    max_fraction: float | None = Field(default=None, ge=0, le=1, description="Fraction of the rows that may fail, from 0 to 1.")

    @model_validator(mode="after")
    def _one_tolerance(self) -> Self:
        if self.max_failures is not None and self.max_fraction is not None:
            raise ValueError("give either max_failures or max_fraction")
        return self


class PipelineConfig(Block):
    """A pipeline: tables in, steps, checks, one table out."""

    name: PlainName = Field(description="What commands call it.")
    description: str | None = Field(default=None, description="For people.")
    enabled: bool = Field(default=True, description="false: `run --all` passes it over.")
    tags: tuple[Text, ...] = Field(default=(), description="Words to group pipelines by.")
    source: InputConfig | None = Field(default=None, description="The table that it reads.")
    sources: tuple[InputConfig, ...] | None = Field(default=None, description="Instead of `source`: several tables.")
    destination: DestinationConfig = Field(description="The table that it publishes.")
    transforms: tuple[StepConfig, ...] = Field(default=(), description="Steps, in order.")
    quality_checks: tuple[CheckConfig, ...] = Field(default=(), description="What must hold before it is published.")
    depends_on: tuple[PlainName, ...] = Field(default=(), description="Pipelines that run before, besides those whose tables it reads.")
    timeout: TimeLimit | None = Field(
        default=None,
        description="A run that takes longer has failed: nothing of it is published. 10 minutes, 2 hours, or seconds; none by default.",
        examples=["30 minutes"],
    )
    schedule: Cron | None = Field(default=None, description="Cron expression (minute hour day month weekday) of when it is due.")

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.source is not None and self.sources is not None:
            raise ValueError("give either 'source' (one table) or 'sources' (a list)")
        if not self.inputs:
            raise ValueError("it reads nothing; give 'source:' with layer, domain and table")
        twice = [name for name, count in Counter(item.alias.casefold() for item in self.inputs if item.alias).items() if count > 1]
        if twice:
            raise ValueError(f"two sources are called '{twice[0]}'; give one of them another 'as:'")
        return self

    @property
    def inputs(self) -> tuple[InputConfig, ...]:
        """The tables of `source` or `sources`, each with its alias."""
        if self.source is not None:
            return (self.source.model_copy(update={"alias": self.source.alias or "input"}),)
        several = self.sources or ()
        default = "input" if len(several) == 1 else None
        return tuple(item.model_copy(update={"alias": item.alias or default or item.table}) for item in several)

    def input_path(self, index: int) -> tuple[str | int, ...]:
        """Where an input stands, for `node.problem`.

        Args:
            index: Its place in `inputs`.
        """
        return ("source",) if self.source is not None else ("sources", index)
