"""Running checks: one scan for all aggregates, tolerances, and who is to blame if it fails."""

import pytest

from ducklake.api import Relation
from ducklake.errors import DataError, StepError
from ducklake.plan.load import load_checks
from ducklake.run.check import run_checks
from planning import make, pipeline

ROWS = "SELECT * FROM (VALUES (1, 'a'), (2, NULL), (2, 'c'), (4, 'd')) t(id, v)"
PLUGIN = """
from ducklake import hookimpl
from ducklake.api import CheckResult, NoOptions, QualityCheck

class Check(QualityCheck):
    Options = NoOptions
    def columns(self):
        return ()

class Raises(Check):
    name = "raises"
    def evaluate(self, values, rows):
        raise SystemExit(0)

class Odd(Check):
    name = "odd"
    def evaluate(self, values, rows):
        return True

class Fails(Check):
    name = "fails"
    def violation(self, relation):
        return "CAST(v AS INTEGER) > 0"

class Total(Check):
    name = "total"
    def query(self, relation):
        return f"SELECT sum(id) AS total, min(id) AS least FROM {relation.sql}"
    def evaluate(self, values, rows):
        return CheckResult(0 if values == {"total": 9, "least": 1} else 1)

@hookimpl
def register_quality_checks(register):
    for check in (Raises, Odd, Fails, Total):
        register(check)
"""


class Counting:
    """A session that remembers what it ran."""

    def __init__(self, session):
        self._session = session
        self.ran = []

    def fetch(self, sql, parameters=()):
        self.ran.append(sql)
        return self._session.fetch(sql, parameters)

    def __getattr__(self, name):
        return getattr(self._session, name)


@pytest.fixture
def ran(tmp_path, engine_session):
    def run(checks, session=engine_session, rows=ROWS):
        (tmp_path / "lake_plugins.py").write_text(PLUGIN, encoding="utf-8")
        planning = make(tmp_path, engine_session, pipeline(checks=checks), tables={"raw.shop.clientes": "id INTEGER, v VARCHAR"})
        loaded = load_checks(planning.project.pipelines["p"], planning.manager)
        engine_session.fetch(f"CREATE TABLE published AS {rows}")
        schema = engine_session.describe("SELECT * FROM published")
        count = engine_session.fetch("SELECT count(*) FROM published")[0][0]
        return run_checks(session, Relation('"published"', schema), loaded, "p", count)

    return run


def test_all_aggregates_take_one_scan(ran, engine_session):
    session = Counting(engine_session)
    checks = """
    - {type: not_null, columns: [id, v]}
    - {type: valid_values, column: v, values: [a, c]}
    - {type: range, column: id, min: 1, max: 3, severity: warn}
    - {type: not_null, columns: [id]}
    """
    reports = ran(checks, session)
    assert len([sql for sql in session.ran if "count(" in sql]) == 1
    assert [(report.outcome.type, report.outcome.failed_rows, report.outcome.passed) for report in reports] == [
        ("not_null", 1, False),
        ("valid_values", 1, False),
        ("range", 1, False),
        ("not_null", 0, True),
    ]
    assert [report.blocks for report in reports] == [True, True, False, False]
    assert reports[0].metrics == {"failed_rows": 1, "nulls.id": 0, "nulls.v": 1}
    assert reports[0].outcome.details == "1 of 4 rows are NULL in v"


@pytest.mark.parametrize(
    ("tolerance", "passed"),
    [("max_failures: 1", True), ("max_failures: 0", False), ("max_fraction: 0.25", True), ("max_fraction: 0.24", False)],
)
def test_tolerances(ran, tolerance, passed):
    (report,) = ran(f"- {{type: unique, columns: [id], {tolerance}}}")
    assert (report.outcome.failed_rows, report.outcome.passed) == (1, passed)
    assert ("tolerated" in report.outcome.details) is passed


def test_a_fraction_is_met_exactly(ran):
    (report,) = ran(
        "- {type: range, column: id, min: 29, max_fraction: 0.29}", rows="SELECT i::INTEGER AS id, '' AS v FROM range(100) t(i)"
    )
    assert report.outcome.failed_rows == 29
    assert report.outcome.passed


def test_an_empty_table_passes(ran):
    checks = "- {type: unique, columns: [id], max_fraction: 0.5}\n- {type: not_null, columns: [id], max_fraction: 0}"
    assert all(report.outcome.passed for report in ran(checks, rows="SELECT 1 AS id, 'a' AS v WHERE false"))


def test_a_query_of_its_own_gives_values_by_name(ran):
    (report,) = ran("- {type: total}")
    assert report.outcome.passed


def test_the_check_that_the_engine_could_not_finish_is_named(ran):
    with pytest.raises(DataError) as caught:
        ran("- {type: not_null, columns: [id]}\n- {type: fails}")
    assert str(caught.value).startswith("pipeline p, check 2 (fails): Could not convert string 'a' to INT32")
    assert "\n" not in caught.value.problem.message


@pytest.mark.parametrize(("check", "message"), [("raises", "raised SystemExit: 0"), ("odd", "returned bool, not a CheckResult")])
def test_a_check_that_misbehaves_is_named(ran, check, message):
    with pytest.raises(StepError, match=message) as caught:
        ran(f"- {{type: {check}}}")
    assert str(caught.value).startswith(f"pipeline p, check 1 ({check}): ")
