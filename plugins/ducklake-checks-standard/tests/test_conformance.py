from ducklake.testing import CheckCase, CheckTests
from ducklake_checks_standard.checks import NotNull, Range, Unique, ValidValues


class TestNotNull(CheckTests):
    case = CheckCase(
        NotNull,
        lambda column: {"columns": [column]},
        good="SELECT 1 AS id, 'Ana' AS name",
        bad="SELECT 1 AS id, NULL AS name UNION ALL SELECT 2, 'Ana'",
        failed_rows=1,
        column="name",
        cannot={"let_nulls_pass": "it is about NULLs"},
    )


class TestUnique(CheckTests):
    case = CheckCase(
        Unique,
        lambda column: {"columns": [column]},
        good="SELECT 1 AS id UNION ALL SELECT 2",
        bad="SELECT 1 AS id UNION ALL SELECT 1 UNION ALL SELECT 1 UNION ALL SELECT 2",
        failed_rows=2,
        column="id",
    )


class TestValidValues(CheckTests):
    case = CheckCase(
        ValidValues,
        lambda column: {"column": column, "values": ["A", "B"]},
        good="SELECT 'A' AS state UNION ALL SELECT 'B'",
        bad="SELECT 'A' AS state UNION ALL SELECT 'C'",
        failed_rows=1,
        column="state",
    )


class TestRange(CheckTests):
    case = CheckCase(
        Range,
        lambda column: {"column": column, "min": 0, "max": 10},
        good="SELECT 0 AS amount UNION ALL SELECT 10",
        bad="SELECT -1 AS amount UNION ALL SELECT 11 UNION ALL SELECT 5",
        failed_rows=2,
        column="amount",
    )
