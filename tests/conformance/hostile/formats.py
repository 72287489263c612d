"""Writers and engines, each with a way not to keep what is asked of it."""

import dataclasses

from ducklake.api import EngineError, Schema, literal
from ducklake.builtin.duckdb_engine import DuckDBEngine, DuckDBSession
from ducklake.builtin.parquet import ParquetWriter
from ducklake.errors import DataError
from ducklake.testing import EngineCase, EngineTests, WriterCase, WriterTests


def hostile(test, writer):
    name = f"TestHostileWriter_{test}"
    globals()[name] = type(name, (WriterTests,), {"case": WriterCase(writer), "must_fail": test})


class Dotted(ParquetWriter):
    extension = ".parquet"


hostile("test_the_class_can_be_registered", Dotted)


class Texts(ParquetWriter):
    def stage(self, session, sql, spec):
        return super().stage(session, f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({sql})", spec)


hostile("test_values_of_every_type_come_back", Texts)


class NothingForNothing(ParquetWriter):
    def stage(self, session, sql, spec):
        staged = super().stage(session, sql, spec)
        return dataclasses.replace(staged, files=tuple(file for file in staged.files if file.rows))


hostile("test_no_rows_are_a_file_too", NothingForNothing)


class Lost(ParquetWriter):
    def scan(self, files, schema):
        return super().scan(files, schema) if files else super().scan(files, Schema(schema.columns[:1]))


hostile("test_a_scan_of_no_files_has_the_columns", Lost)


class Pattern(ParquetWriter):
    def scan(self, files, schema):
        return f"SELECT * FROM read_parquet({literal([str(file) for file in files])})"


hostile("test_names_are_data", Pattern)


class Boasting(ParquetWriter):
    def stage(self, session, sql, spec):
        staged = super().stage(session, sql, spec)
        return dataclasses.replace(staged, files=tuple(dataclasses.replace(file, rows=file.rows + 1) for file in staged.files))


hostile("test_the_rows_it_counts_are_there", Boasting)


class First(ParquetWriter):
    def scan(self, files, schema):
        return super().scan(files[:1], schema)


hostile("test_several_files_read_as_one_table", First)


class Littering(ParquetWriter):
    def stage(self, session, sql, spec):
        (spec.directory.parent / "writer.log").write_text("was here", encoding="utf-8")
        return super().stage(session, sql, spec)


hostile("test_nothing_is_written_beside_its_folder", Littering)


class Stubborn(ParquetWriter):
    def abort(self, staged):
        """Leave everything as it is."""


hostile("test_a_failure_is_raised_and_abort_leaves_nothing", Stubborn)


class Deaf(ParquetWriter):
    def complete(self, path, metadata):
        if not self.metadata(path):
            super().complete(path, metadata)


hostile("test_pairs_of_metadata_are_kept", Deaf)


class Careless(ParquetWriter):
    def examine(self, path):
        return dataclasses.replace(super().examine(path), sound=True)


hostile("test_a_changed_byte_is_noticed", Careless)


class Trusting(ParquetWriter):
    def metadata(self, path):
        try:
            return super().metadata(path)
        except DataError:
            return {}


hostile("test_half_a_file_is_refused", Trusting)


class Hasty(ParquetWriter):
    def stage(self, session, sql, spec):
        super().stage(session, "SELECT 1 AS id", dataclasses.replace(spec, basename="sample"))
        return super().stage(session, sql, spec)


hostile("test_a_writer_killed_in_the_middle_leaves_no_whole_file", Hasty)


def hostile_engine(test, session=DuckDBSession, engine=DuckDBEngine):
    class Engine(engine):
        def open(self, settings):
            return session(super().open(settings)._connection)

    name = f"TestHostileEngine_{test}"
    globals()[name] = type(name, (EngineTests,), {"case": EngineCase(Engine), "must_fail": test})


class Shouting(DuckDBEngine):
    name = "DUCK DB"


hostile_engine("test_the_class_can_be_registered", engine=Shouting)


class Running(DuckDBSession):
    def describe(self, sql):
        self.fetch(sql)
        return super().describe(sql)


hostile_engine("test_it_binds_without_running", Running)


class Textual(DuckDBSession):
    def fetch(self, sql, parameters=()):
        return [tuple(map(str, row)) for row in super().fetch(sql, parameters)]


hostile_engine("test_rows_are_values", Textual)


class Rounding(DuckDBSession):
    def _storable(self, sql):
        return sql


hostile_engine("test_it_writes_parquet", Rounding)


class Unquoted(DuckDBSession):
    def define(self, ref, select):
        self.fetch(f"CREATE SCHEMA {ref.domain}")


hostile_engine("test_tables_of_the_lake_have_their_names", Unquoted)


class Muffled(DuckDBSession):
    def _watched(self, batches):
        yield from batches


hostile_engine("test_streams_are_read_once_and_their_errors_are_kept", Muffled)


class Vague(DuckDBSession):
    def fetch(self, sql, parameters=()):
        try:
            return super().fetch(sql, parameters)
        except EngineError as error:
            raise EngineError(str(error)) from error


hostile_engine("test_errors_are_of_a_kind", Vague)


class Late(DuckDBSession):
    def _flowing(self, reader):
        return reader


hostile_engine("test_errors_behind_rows_that_have_been_read_are_of_a_kind", Late)


class Permissive(DuckDBSession):
    def single_select(self, sql):
        return sql


hostile_engine("test_only_one_select_passes", Permissive)


class Open(DuckDBSession):
    def restrict(self, files):
        """Restrict nothing."""


hostile_engine("test_other_files_are_out_of_reach_once_restricted", Open)
