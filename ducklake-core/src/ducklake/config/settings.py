"""settings.yaml, and the extraction settings that sources share with it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ducklake.config.base import Model
from ducklake.config.types import Cron, Lookback, OnInvalid, PlainName, Size, Text, TimeLimit, Timezone, Verify, WindowSize, parse_size


class ExtractSettings(Model):
    """How a table is extracted. What a table leaves out comes from its source, then from settings.yaml."""

    mode: Literal["full", "incremental"] | None = Field(
        default=None,
        description=(
            "full lands everything as a new snapshot each time, incremental only what is new. "
            "By default files are incremental, and databases where a key_column is given."
        ),
    )
    key_column: Text | None = Field(default=None, description="The column of a database's table by which increments are found.")
    lookback: Lookback | None = Field(
        default=None,
        description=(
            "How far increments read again behind the highest key, for rows that come late: 10 minutes, 2 days, or a number for a "
            "numeric key. By default 15 minutes for times, 0 for others."
        ),
        examples=["10 minutes"],
    )
    batch_size: int = Field(default=50_000, gt=0, le=10_000_000, description="Rows that are fetched and held at once.")
    timeout: TimeLimit | None = Field(
        default=None,
        description=(
            "A table that takes longer has failed: nothing of it lands, the others go on. 10 minutes, 2 hours, or seconds; none by default."
        ),
        examples=["10 minutes"],
    )
    columns: tuple[Text, ...] = Field(default=(), description="Only these columns; all if left out.")
    exclude: tuple[Text, ...] = Field(default=(), description="Columns that are left at the source.")
    where: Text | None = Field(default=None, description="A condition in the source's own SQL: only rows for which it holds are read.")
    parallel: int | None = Field(
        default=None, ge=1, le=64, description="Connections that read one large table at once; by default one a core, four at most."
    )
    window: WindowSize | None = Field(
        default=None,
        description=(
            "A first load lands as a series of complete extractions of so much of the key, oldest first: 1 month, 7 days, or a number "
            "for a numeric key. For keys of rows that are not updated."
        ),
        examples=["1 month"],
    )
    snapshot: Literal["table", "source"] = Field(
        default="table", description="table: each table in a snapshot of its own. source: all tables of the source in one."
    )
    retries: int = Field(
        default=3, ge=0, le=100, description="How often a table is begun again after a passing cause, such as a dropped connection."
    )
    on_invalid: OnInvalid = Field(
        default_factory=dict,
        description=(
            "A value that the lake's type cannot hold (infinity in a decimal or a date): fail, the column as text, or null, which is "
            "counted; also a mapping by column, with * for all others."
        ),
    )
    verify: Verify = Field(
        default="count",
        description="Before it counts, what was written is compared with the source: its rows, full: a checksum a column besides, or off.",
    )
    schedule: Cron | None = Field(default=None, description="Cron expression (minute hour day month weekday) of when it is due.")

    @model_validator(mode="before")
    @classmethod
    def _null_is_a_word(cls, data: Any) -> Any:
        if isinstance(data, dict) and "on_invalid" in data and data["on_invalid"] is None:
            return {**data, "on_invalid": "null"}
        return data

    @model_validator(mode="after")
    def _one_selection(self) -> Self:
        if both := sorted(set(self.columns) & set(self.exclude)):
            raise ValueError(f"'{both[0]}' stands in both 'columns' and 'exclude'")
        return self

    def over(self, base: ExtractSettings) -> Self:
        """These settings, and `base` for whatever they leave out.

        Args:
            base: The more general settings.
        """
        own = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self).model_construct(
            self.model_fields_set | base.model_fields_set, **{**{name: getattr(base, name) for name in type(base).model_fields}, **own}
        )


class EngineConfig(Model):
    """What runs SQL."""

    type: Text = Field(default="duckdb", description="An engine plugin.")
    memory_limit: Size | None = Field(default=None, description="For example 4GB; by default 80 % of the machine's memory.")
    threads: int | None = Field(default=None, gt=0, le=1024, description="By default one a core.")
    temp_directory: Text | None = Field(default=None, description="Where it spills to; by default a private folder under data_path.")


class ParquetConfig(Model):
    """How Parquet files are written."""

    compression: Literal["snappy", "zstd", "gzip", "lz4", "uncompressed"] = Field(default="snappy", description="Codec of the columns.")
    row_group_rows: int = Field(default=122_880, ge=2048, le=100_000_000, description="Rows a row group.")
    file_size: Size = Field(default="1GB", description="An extraction begins a new file at about this size.")

    @property
    def file_size_bytes(self) -> int:
        """`file_size` as a number."""
        return parse_size(self.file_size)


class RetentionConfig(Model):
    """What is kept of the past."""

    versions: int = Field(default=3, ge=1, le=10_000, description="Published versions kept a table in staging and consume.")


class LoggingConfig(Model):
    """What goes to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="-v means debug, -q error.")
    format: Literal["console", "json"] = Field(default="console", description="For people, or one JSON object a line.")


class PluginsConfig(Model):
    """Which plugins have to be there and which are not used; as KIND.NAME or name of the package."""

    require: tuple[Text, ...] = Field(default=(), description="Commands fail with the install line if one of these is missing.")
    disable: tuple[Text, ...] = Field(default=(), description="Installed, but not loaded.")
    observer_timeout: TimeLimit = Field(
        default=60.0,
        description="An observer that takes longer over one hook is given up with a warning, and told nothing more by that command.",
        examples=["10 seconds"],
    )


class Settings(Model):
    """settings.yaml; every key has a default."""

    project: PlainName | None = Field(default=None, description="The lake's name.")
    timezone: Timezone = Field(default="UTC", description="IANA zone in which SQL turns naive times into instants.")
    data_path: Text = Field(default="data", description="Where the lake's files lie, relative to the project or absolute.")
    engine: EngineConfig = Field(default_factory=EngineConfig)
    extract: ExtractSettings = Field(default_factory=ExtractSettings, description="Defaults for all sources.")
    parquet: ParquetConfig = Field(default_factory=ParquetConfig)
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    logging: LoggingConfig = Field(default_factory=LoggingConfig)
    plugins: PluginsConfig = Field(default_factory=PluginsConfig)

    @property
    def of_files(self) -> dict[str, str | int]:
        """The settings on which the files of a published table depend."""
        return {"compression": self.parquet.compression, "row_group_rows": self.parquet.row_group_rows, "timezone": self.timezone}
