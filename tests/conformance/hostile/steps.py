"""Transforms and checks, each with a way not to keep what is asked of it."""

import random

import pyarrow as pa
from pydantic import ConfigDict, Field

from ducklake.api import CheckResult, Column, Options, PythonTransform, QualityCheck, Schema, Transform, quote
from ducklake.testing import CheckCase, CheckTests, TransformCase, TransformTests


class ColumnOptions(Options):
    column: str = Field(description="Which.")


class Upper(Transform[ColumnOptions]):
    name = "upper"

    def to_sql(self, inputs, context):
        column = quote(inputs[0].schema.require(self.options.column).name)
        return f"SELECT * REPLACE (upper({column}) AS {column}) FROM {inputs[0].sql}"


class UpperInPython(PythonTransform[ColumnOptions]):
    name = "upper"

    def output(self, inputs, context):
        inputs[0].schema.require(self.options.column)
        return inputs[0].schema

    def apply(self, batches, context):
        for batch in batches:
            at = batch.schema.names.index(self.options.column)
            yield batch.set_column(at, batch.schema.field(at), pa.array(self.changed(batch.column(at).to_pylist()), pa.string()))

    def changed(self, values):
        return [None if value is None else value.upper() for value in values]


def case(transform=Upper, **changes):
    rows = "SELECT 1 AS id, 'Ana' AS name"
    usual = {"options": lambda column: {"column": column}, "column": "name", "rows": rows, "expected": [(1, "ANA")]}
    return TransformCase(transform, **{**usual, **changes})


def hostile(test, transform, **changes):
    name = f"TestHostileTransform_{test}"
    globals()[name] = type(name, (TransformTests,), {"case": case(transform, **changes), "must_fail": test})


class SilentOptions(Options):
    column: str


class Silent(Upper):
    Options = SilentOptions


hostile("test_the_class_can_be_registered", Silent)


class LooseOptions(ColumnOptions):
    model_config = ConfigDict(extra="allow")


class Loose(Upper):
    Options = LooseOptions


hostile("test_options_that_do_not_exist_are_refused", Loose)


class Wrong(Upper):
    def to_sql(self, inputs, context):
        return f"SELECT * FROM {inputs[0].sql}"


hostile("test_the_rows_are_as_expected", Wrong)


class Liar(UpperInPython):
    def output(self, inputs, context):
        return Schema((Column("id", "INTEGER"), Column("name", "DATE")))


hostile("test_what_is_declared_comes_out", Liar)


class Eager(UpperInPython):
    def changed(self, values):
        return [value.upper() for value in [values[0], *values[1:]]]

    def apply(self, batches, context):
        batches = iter(batches)
        first = next(batches)
        yield from super().apply([first, *batches], context)


hostile("test_no_rows_are_no_problem", Eager)


class Nullophobe(UpperInPython):
    def changed(self, values):
        return [value.upper() for value in values]


hostile("test_nulls_are_no_problem", Nullophobe)


class Moody(UpperInPython):
    def changed(self, values):
        return [str(random.random()) for _ in values]


hostile("test_the_same_rows_again_give_the_same", Moody)


class Selfish(Upper):
    def to_sql(self, inputs, context):
        column = quote(self.options.column)
        return f"SELECT id, upper({column}) AS {column} FROM {inputs[0].sql}"


hostile("test_other_columns_of_every_type_come_through", Selfish)


class Pasting(Upper):
    def to_sql(self, inputs, context):
        return f"SELECT * REPLACE (upper({self.options.column}) AS {self.options.column}) FROM {inputs[0].sql}"


hostile("test_names_are_data", Pasting)
hostile("test_a_column_that_is_missing_is_named", Pasting)


class Chatty(Upper):
    def to_sql(self, inputs, context):
        return super().to_sql(inputs, context) + "; SELECT 1"

    def output(self, inputs, context):
        return inputs[0].schema


hostile("test_the_statement_is_one_select", Chatty)


class PerBatch(UpperInPython):
    def changed(self, values):
        return [f"{number}" for number, _ in enumerate(values)]


hostile("test_the_size_of_batches_does_not_matter", PerBatch)


class NoBlanks(QualityCheck[ColumnOptions]):
    name = "no_blanks"

    def columns(self):
        return (self.options.column,)

    def violation(self, relation):
        return f"trim({quote(self.options.column)}) = ''"


def check_case(check=NoBlanks):
    return CheckCase(
        check,
        lambda column: {"column": column},
        good="SELECT 'Ana' AS name UNION ALL SELECT 'Eva'",
        bad="SELECT 'Ana' AS name UNION ALL SELECT ' ' UNION ALL SELECT ''",
        failed_rows=2,
        column="name",
    )


def hostile_check(test, check):
    name = f"TestHostileCheck_{test}"
    globals()[name] = type(name, (CheckTests,), {"case": check_case(check), "must_fail": test})


class SilentCheck(NoBlanks):
    Options = SilentOptions


hostile_check("test_the_class_can_be_registered", SilentCheck)


class LooseCheck(NoBlanks):
    Options = LooseOptions


hostile_check("test_options_that_do_not_exist_are_refused", LooseCheck)


class Never(NoBlanks):
    def violation(self, relation):
        return "true"


hostile_check("test_good_rows_pass", Never)


class YesOrNo(NoBlanks):
    def evaluate(self, values, rows):
        return CheckResult(min(1, values["failed_rows"]), "some")


hostile_check("test_bad_rows_are_counted", YesOrNo)


class Distinct(NoBlanks):
    def metrics(self, relation):
        return {"failed_rows": f"count(DISTINCT {quote(self.options.column)}) FILTER (WHERE {self.violation(relation)})"}


hostile_check("test_rows_are_judged_one_by_one", Distinct)


class Mute(NoBlanks):
    def evaluate(self, values, rows):
        return CheckResult(values["failed_rows"])


hostile_check("test_a_failure_says_something_in_one_line", Mute)


class NeedsRows(NoBlanks):
    def evaluate(self, values, rows):
        return CheckResult(max(values["failed_rows"], 1 - rows), "no rows")


hostile_check("test_an_empty_table_passes", NeedsRows)


class Nulls(NoBlanks):
    def violation(self, relation):
        return f"coalesce(trim({quote(self.options.column)}), '') = ''"


hostile_check("test_nulls_pass", Nulls)


class PastingCheck(NoBlanks):
    def violation(self, relation):
        return f"trim({self.options.column}) = ''"


hostile_check("test_names_are_data", PastingCheck)


class Secretive(NoBlanks):
    def columns(self):
        return ()


hostile_check("test_it_says_which_columns_it_looks_at", Secretive)


class TestGoodTransform(TransformTests):
    case = case()
    must_fail = None


class TestGoodTransformInPython(TransformTests):
    case = case(UpperInPython)
    must_fail = None


class TestGoodCheck(CheckTests):
    case = check_case()
    must_fail = None
