"""What a pipeline reads of raw: the days and columns that it needs, counted in bytes; and what a probe changes: nothing."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from ducklake.api import TableRef
from ducklake.testing.project import LakeProject

SOURCES = {"sources": [{"name": "s", "type": "csv", "path": "t.csv", "extract": {"mode": "full"}}]}


def pipeline(source: dict[str, object], steps: list[dict[str, object]], checks: list[dict[str, object]] | None = None) -> dict[str, object]:
    return {
        "pipelines": [
            {
                "name": "p",
                "source": {"layer": "raw", "domain": "s", "table": "t", **source},
                "destination": {"layer": "staging", "domain": "d", "table": "t"},
                "transforms": steps,
                "quality_checks": checks or [],
            }
        ]
    }


@pytest.fixture
def days(lake_project: Callable[..., LakeProject], tmp_path: Path) -> LakeProject:
    """One extraction, which the catalog believes to be 365, a day each."""
    header = ",".join(["id", *(f"c{number}" for number in range(99))])
    rows = "\n".join(",".join([str(row), *(str((row * 7919 + column * 104729) % 1000003) for column in range(99))]) for row in range(400))
    lake = lake_project({"t.csv": f"{header}\n{rows}\n", "config/sources.yaml": SOURCES})
    assert lake.lake.extract("s").ok
    (landed,) = (lake.path / "data/raw/s/t").rglob("*.parquet")
    with duckdb.connect(lake.path / "data/catalog.duckdb") as catalog:
        catalog.execute("BEGIN")
        for number in range(365):
            day = dt.date(2023, 1, 1) + dt.timedelta(days=number)
            path = f"raw/s/t/year={day:%Y}/month={day:%m}/day={day:%d}/data.parquet"
            copy = lake.path / "data" / path
            copy.parent.mkdir(parents=True)
            shutil.copyfile(landed, copy)
            catalog.execute(
                "INSERT INTO files SELECT ?, layer, domain, table_name, owner, version, part, rows, bytes, sha256, schema_version "
                "FROM files WHERE path = ?",
                [path, landed.relative_to(lake.path / "data").as_posix()],
            )
        catalog.execute("COMMIT")
    return lake


def read_bytes() -> int:
    return int(Path("/proc/self/io").read_text().split("rchar: ")[1].split()[0])


@pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="the system does not count what a process reads")
def test_two_of_a_hundred_columns_and_one_day_of_a_year_read_a_twentieth_of_the_bytes_at_most(days: LakeProject) -> None:
    size = sum(file.stat().st_size for file in (days.path / "data/raw").rglob("*.parquet"))
    steps: list[dict[str, object]] = [{"type": "sql", "query": "SELECT id, c7 FROM input"}]
    days.write({"config/pipelines.yaml": pipeline({"from": "2023-03-01", "to": "2023-03-01"}, steps)})
    lake = days.lake
    plan = lake.plan("p")
    assert str(plan.inputs[0].selection) == "latest extraction, landed from 2023-03-01 to 2023-03-01"
    before = read_bytes()
    (result,) = lake.run("p").results
    assert (result.status, result.rows) == ("success", 400)
    # Everything counts: the catalog, the staged file's digest, the plugins' code.
    assert read_bytes() - before < size / 20


def test_days_of_landing_choose_the_latest_extraction_among_theirs(days: LakeProject) -> None:
    steps: list[dict[str, object]] = [{"type": "sql", "query": "SELECT count(*) AS n FROM input"}]
    for source, expected in (
        ({"from": "2023-03-01", "to": "2023-03-02"}, 800),
        ({"to": "2023-01-01"}, 400),
        ({"from": "2023-12-31", "to": "2023-12-31", "snapshots": "all"}, 400),
        ({"to": "2022-12-31"}, 0),
    ):
        days.write({"config/pipelines.yaml": pipeline(source, steps)})
        assert days.lake.run("p").ok
        assert days.query("SELECT n FROM staging.d.t") == [[expected]]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"from": "2024-02-30"}, "is no day of the calendar"),
        ({"from": 20240101}, "write YYYY-MM-DD"),
        ({"from": "2024-02-02", "to": "2024-02-01"}, "is behind"),
        ({"layer": "staging", "from": "2024-02-02"}, "only raw has"),
    ],
)
def test_days_that_are_none_are_refused(lake_project: Callable[..., LakeProject], source: dict[str, object], message: str) -> None:
    lake = lake_project({"config/sources.yaml": SOURCES, "config/pipelines.yaml": pipeline(source, [])})
    assert message in lake.fails(2, "validate").stderr


ROWS = """id,name,key,rows
1,ana,x,1
1,ana,x,1
1,bea,x,1
,cid,y,2
,dora,y,2
2,eva,,3
3,,z,4
"""


@pytest.mark.parametrize(("more", "chosen"), [(0, "general"), (20, "few"), (-7, "none")])
def test_whatever_a_probe_finds_the_rows_are_the_same(lake_project: Callable[..., LakeProject], more: int, chosen: str) -> None:
    others = "".join(f"{number},n{number},k,{number}\n" for number in range(100, 100 + abs(more)))
    text = ROWS + others if more >= 0 else f"{ROWS.splitlines()[0]}\n{others}"
    lake = lake_project({"t.csv": text, "config/sources.yaml": SOURCES})
    assert lake.lake.extract("s").ok
    steps: list[dict[str, object]] = [{"type": "filter", "condition": "true"}, {"type": "deduplicate", "keys": ["id"]}]
    lake.write({"config/pipelines.yaml": pipeline({}, steps)})
    outcome = lake.ok("run", "p", "-v")
    repeated = {"general": 5, "few": 5, "none": 0}[chosen]
    assert f"they make {repeated} rows" in outcome.stderr
    probe = lake.lake.plan("p").stages[0].probe  # type: ignore[union-attr]
    assert probe is not None
    assert probe.choose(repeated, 7 + more if more >= 0 else 7) == {"general": None, "few": probe.few, "none": probe.none}[chosen]
    rows = lake.query("SELECT * FROM staging.d.t ORDER BY ALL")
    assert len(rows) == abs(more) + (4 if more >= 0 else 0)
    # What cannot be read twice is numbered as a whole.
    steps[0]["condition"] = "random() < 2"
    lake.write({"config/pipelines.yaml": pipeline({}, steps)}).ok("run", "p")
    assert lake.query("SELECT * FROM staging.d.t ORDER BY ALL") == rows


@pytest.mark.parametrize("condition", ["random() < 2", "id IN (SELECT id FROM raw.s.t)"])
def test_what_cannot_be_read_again_at_the_price_of_a_scan_has_no_probe(lake_project: Callable[..., LakeProject], condition: str) -> None:
    lake = lake_project({"t.csv": ROWS, "config/sources.yaml": SOURCES})
    assert lake.lake.extract("s").ok
    lake.write(
        {"config/pipelines.yaml": pipeline({}, [{"type": "filter", "condition": condition}, {"type": "deduplicate", "keys": ["id"]}])}
    )
    assert lake.lake.plan("p").stages[0].probe is None  # type: ignore[union-attr]
    assert lake.lake.run("p").ok
    assert TableRef.parse("staging.d.t") in {TableRef(row["layer"], row["domain"], row["table"]) for row in lake.lake.catalog()}
