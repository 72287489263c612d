"""What a plugin author subclasses or receives. Nothing else of DuckLake is public to plugins."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pluggy

hookimpl = pluggy.HookimplMarker("ducklake")
"""Marks a function of a plugin as an implementation of the hook that has its name."""

API_VERSION = 1
"""The version of these contracts; a plugin module says `api = 1`."""

SUPPORTED_API_VERSIONS = frozenset({API_VERSION, max(API_VERSION - 1, 1)})
"""The versions that this core takes: the current and the previous one."""

if TYPE_CHECKING:
    from ducklake.api.connector import Connector, ConnectorContext, Diagnosis, Session
    from ducklake.api.engine import (
        ColumnStatistics,
        Engine,
        EngineError,
        EngineSession,
        EngineSettings,
        FileSpec,
        StagedFile,
        StagedFiles,
    )
    from ducklake.api.events import QualityFailure, RunEvent, SchemaChange, StepEvent
    from ducklake.api.extraction import Extraction, ExtractRequest, Landed, Overlap, ReadAgain, Window
    from ducklake.api.options import NoOptions, OptionError, Options
    from ducklake.api.parse import ParsedSql, SqlSyntaxError, parse_expression, parse_select
    from ducklake.api.quality import CheckResult, QualityCheck
    from ducklake.api.registrar import (
        CommandRegistrar,
        ConnectorRegistrar,
        EngineRegistrar,
        QualityCheckRegistrar,
        TransformRegistrar,
        WriterRegistrar,
    )
    from ducklake.api.results import CheckOutcome, CommandResult, TableResult
    from ducklake.api.rows import RowsConnector
    from ducklake.api.sql import literal, quote, quote_path
    from ducklake.api.tables import Column, Relation, Schema, SourceTable, TableRef, UnknownColumn
    from ducklake.api.transform import Probe, PythonTransform, TableStatistics, Transform, TransformContext
    from ducklake.api.writer import Examination, StorageWriter

_HOMES = {
    "connector": ("Connector", "ConnectorContext", "Diagnosis", "Session"),
    "rows": ("RowsConnector",),
    "engine": (
        "ColumnStatistics",
        "Engine",
        "EngineError",
        "EngineSession",
        "EngineSettings",
        "FileSpec",
        "StagedFile",
        "StagedFiles",
    ),
    "events": ("QualityFailure", "RunEvent", "SchemaChange", "StepEvent"),
    "extraction": ("ExtractRequest", "Extraction", "Landed", "Overlap", "ReadAgain", "Window"),
    "options": ("NoOptions", "OptionError", "Options"),
    "parse": ("ParsedSql", "SqlSyntaxError", "parse_expression", "parse_select"),
    "quality": ("CheckResult", "QualityCheck"),
    "registrar": (
        "CommandRegistrar",
        "ConnectorRegistrar",
        "EngineRegistrar",
        "QualityCheckRegistrar",
        "TransformRegistrar",
        "WriterRegistrar",
    ),
    "results": ("CheckOutcome", "CommandResult", "TableResult"),
    "sql": ("literal", "quote", "quote_path"),
    "tables": ("Column", "Relation", "Schema", "SourceTable", "TableRef", "UnknownColumn"),
    "transform": ("Probe", "PythonTransform", "TableStatistics", "Transform", "TransformContext"),
    "writer": ("Examination", "StorageWriter"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "API_VERSION",
    "SUPPORTED_API_VERSIONS",
    "hookimpl",
    "CheckOutcome",
    "CheckResult",
    "Column",
    "ColumnStatistics",
    "CommandRegistrar",
    "CommandResult",
    "Connector",
    "ConnectorContext",
    "ConnectorRegistrar",
    "Diagnosis",
    "Engine",
    "EngineError",
    "EngineRegistrar",
    "EngineSession",
    "EngineSettings",
    "Extraction",
    "ExtractRequest",
    "FileSpec",
    "Landed",
    "NoOptions",
    "OptionError",
    "Options",
    "Overlap",
    "ParsedSql",
    "Probe",
    "PythonTransform",
    "QualityCheck",
    "QualityCheckRegistrar",
    "QualityFailure",
    "ReadAgain",
    "Relation",
    "RowsConnector",
    "RunEvent",
    "Schema",
    "SchemaChange",
    "Session",
    "SourceTable",
    "SqlSyntaxError",
    "StagedFile",
    "StagedFiles",
    "StepEvent",
    "Examination",
    "StorageWriter",
    "TableRef",
    "TableResult",
    "TableStatistics",
    "Transform",
    "TransformContext",
    "TransformRegistrar",
    "UnknownColumn",
    "Window",
    "WriterRegistrar",
    "literal",
    "parse_expression",
    "parse_select",
    "quote",
    "quote_path",
]


def __getattr__(name: str) -> Any:
    """Import a contract when it is first used, so that listing plugins stays fast."""
    if name in _MODULES:
        return getattr(import_module(f"ducklake.api.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
