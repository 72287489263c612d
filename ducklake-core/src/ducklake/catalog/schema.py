"""The catalog's tables, version by version.

Names are kept as text columns of each table rather than as surrogate keys: the catalog is small, is read by people
with plain SQL, and must be easy to rebuild from files alone.
"""

from __future__ import annotations

FORMAT_VERSION = 2
"""Of the catalog; a newer one is refused, an older one is migrated in one transaction."""

_VERSION_1 = """
CREATE TABLE lake (
    key VARCHAR PRIMARY KEY,
    value VARCHAR NOT NULL
);
CREATE TABLE extractions (
    id BIGINT PRIMARY KEY,
    extraction_id VARCHAR NOT NULL,
    source_name VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    extraction_date TIMESTAMP NOT NULL,
    mode VARCHAR NOT NULL,
    epoch BIGINT NOT NULL,
    rows_extracted BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    files INTEGER NOT NULL,
    file_path VARCHAR,
    schema_version INTEGER,
    status VARCHAR NOT NULL,
    duration_seconds DOUBLE NOT NULL,
    error_message VARCHAR,
    notes VARCHAR NOT NULL
);
CREATE INDEX extractions_by_table ON extractions (source_name, table_name);
CREATE INDEX extractions_by_extraction ON extractions (extraction_id);
CREATE TABLE pipeline_runs (
    id BIGINT PRIMARY KEY,
    run_id VARCHAR NOT NULL,
    pipeline_name VARCHAR NOT NULL,
    execution_date TIMESTAMP NOT NULL,
    source_layer VARCHAR,
    destination_layer VARCHAR NOT NULL,
    destination_domain VARCHAR NOT NULL,
    destination_table VARCHAR NOT NULL,
    version BIGINT,
    rows_processed BIGINT NOT NULL,
    duration_seconds DOUBLE NOT NULL,
    status VARCHAR NOT NULL,
    error_message VARCHAR
);
CREATE INDEX pipeline_runs_by_name ON pipeline_runs (pipeline_name);
CREATE INDEX pipeline_runs_by_run ON pipeline_runs (run_id);
CREATE TABLE data_quality (
    id BIGINT PRIMARY KEY,
    run_id VARCHAR NOT NULL,
    pipeline_name VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    check_type VARCHAR NOT NULL,
    columns VARCHAR NOT NULL,
    severity VARCHAR NOT NULL,
    check_date TIMESTAMP NOT NULL,
    passed BOOLEAN NOT NULL,
    failed_rows BIGINT NOT NULL,
    rows_checked BIGINT NOT NULL,
    details VARCHAR NOT NULL
);
CREATE INDEX data_quality_by_table ON data_quality (table_name);
CREATE TABLE tables (
    layer VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    folder VARCHAR NOT NULL,
    format VARCHAR NOT NULL,
    mode VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    state VARCHAR,
    changed TIMESTAMP NOT NULL,
    PRIMARY KEY (layer, domain, table_name)
);
CREATE TABLE schema_versions (
    layer VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    schema_version INTEGER NOT NULL,
    detected TIMESTAMP NOT NULL,
    columns VARCHAR NOT NULL
);
CREATE TABLE files (
    path VARCHAR NOT NULL,
    layer VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    owner VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    part INTEGER NOT NULL,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL,
    schema_version INTEGER NOT NULL
);
CREATE INDEX files_by_table ON files (layer, domain, table_name);
CREATE TABLE versions (
    layer VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    version BIGINT NOT NULL,
    run_id VARCHAR NOT NULL,
    created TIMESTAMP NOT NULL,
    superseded TIMESTAMP,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    schema_version INTEGER NOT NULL
);
CREATE TABLE column_statistics (
    layer VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL,
    owner VARCHAR NOT NULL,
    column_name VARCHAR NOT NULL,
    null_count BIGINT,
    null_fraction DOUBLE,
    minimum VARCHAR,
    maximum VARCHAR
);
CREATE INDEX column_statistics_by_owner ON column_statistics (owner);
CREATE TABLE lineage (
    run_id VARCHAR NOT NULL,
    input_layer VARCHAR NOT NULL,
    input_domain VARCHAR NOT NULL,
    input_table VARCHAR NOT NULL,
    input_version BIGINT NOT NULL
);
CREATE INDEX lineage_by_run ON lineage (run_id);
"""

_VERSION_2 = """
ALTER TABLE versions ADD COLUMN fingerprint VARCHAR;
ALTER TABLE data_quality ADD COLUMN samples VARCHAR;
"""
"""What went into a version, and rows that failed a check."""

MIGRATIONS: dict[int, str] = {1: _VERSION_1, 2: _VERSION_2}
"""Statements that lead from the version before to this one; all that are needed run in one transaction."""
