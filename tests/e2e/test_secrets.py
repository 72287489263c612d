"""A password is used and never seen again: in no output, log, catalog or file but `.env`."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from ducklake.testing import LakeProject, Outcome

Make = Callable[..., LakeProject]

WORD = 'p@ss:w/rd%"$xyzzy'
FORMS = {WORD, quote(WORD), quote_plus(WORD), repr(WORD)[1:-1], json.dumps(WORD)[1:-1], "xyzzy"}
SOURCE = """
sources:
  - name: erp
    type: sql
    connection: {CONNECTION}
  - {name: drops, type: csv, path: a.csv}
"""
SERVER = 'drivername: "${DRIVER}", host: 127.0.0.1, port: 1, database: d, user: u, password: "${PW}"'


def make(lake_project: Make, connection: str = SERVER) -> LakeProject:
    sources = SOURCE.replace("CONNECTION", connection)
    return lake_project({"config/sources.yaml": sources, ".env": f"PW='{WORD}'\n", "a.csv": "id\n1\n"})


def shown_in(outcome: Outcome) -> set[str]:
    return {form for form in FORMS if form in outcome.stdout + outcome.stderr}


@pytest.mark.parametrize("driver", ["postgresql+psycopg", "mysql+pymysql", "no_such+driver", "sqlite", "oracle"])
def test_a_connection_that_fails_tells_nothing_of_its_password(lake_project: Make, driver: str) -> None:
    lake = make(lake_project)
    outcome = lake.run("extract", "--all", "-v", "-v", "--json", env={"DRIVER": driver, "DUCKLAKE_TRACE_HOOKS": "1"})
    assert outcome.exit_code in (1, 2, 4), str(outcome)
    assert [row["status"] for row in outcome.results] == ["error", "success"]
    assert shown_in(outcome) == set()
    kept = [path for path in lake.path.rglob("*") if path.is_file() and path.name != ".env"]
    assert [path for path in kept if any(form.encode() in path.read_bytes() for form in FORMS)] == []


@pytest.mark.parametrize(
    "connection",
    [
        'drivername: sqlite, password: ["${PW}"]',
        'drivername: sqlite, port: "${PW}"',
        'drivername: "${PW}"',
        'drivername: sqlite, no_such: "${PW}"',
        'drivername: sqlite, query: "${PW}"',
        'drivername: sqlite, database: "${PW}"',
        f"drivername: sqlite, port: 1, password: '{WORD}', no_such: 1",
    ],
)
def test_configuration_that_is_wrong_tells_nothing_of_a_secret_in_it(lake_project: Make, connection: str) -> None:
    lake = make(lake_project, connection)
    for words in (("validate", "-v"), ("extract", "erp", "-v", "--json")):
        assert shown_in(lake.run(*words)) == set()


def test_a_wrong_line_in_env_is_named_by_its_number_only(lake_project: Make) -> None:
    lake = make(lake_project)
    lake.write({".env": f"A=1\nPW '{WORD}\n"})
    outcome = lake.fails(2, "extract", "erp", "--json")
    assert (outcome.errors[0]["file"], outcome.errors[0]["line"]) == (".env", 2)
    assert shown_in(outcome) == set()
