"""Lakes as earlier formats wrote them are read, go on and are rebuilt: `tests/fixtures/lakes/make.py` made them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from ducklake.catalog.schema import FORMAT_VERSION
from ducklake.layers.raw import FOOTER_FORMAT
from ducklake.testing import LakeProject
from fixtures.lakes.make import sell

FIXTURES = Path(__file__).parents[1] / "fixtures" / "lakes"
ARCHIVES = sorted(FIXTURES.glob("*.tar.gz"))


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> LakeProject:
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    return LakeProject(tmp_path / "lake")


def seen(lake: LakeProject) -> dict[str, object]:
    """What readers see, in process: the commands have tests of their own."""
    selects = {
        "raw.shop.pedidos": "id, total, nota, canal",
        "raw.drops.drops": "v",
        "raw.caja.clientes": "id, estado",
        "staging.ventas.clientes": "cliente_id, estado",
        "consume.bi.por_estado": "estado, clientes",
    }
    return {table: lake.lake.query(f"SELECT {columns} FROM {table} ORDER BY ALL").rows for table, columns in selects.items()}


def extracted(lake: LakeProject) -> list[tuple[str | None, str, int]]:
    return [(result.source, result.status, result.rows) for result in lake.lake.extract("shop", "drops").results]


def published(lake: LakeProject, versions: int) -> None:
    rows = lake.lake.show("staging.ventas.clientes")["versions"]
    assert [row["version"] for row in rows] == list(range(versions, 0, -1))


def test_the_current_formats_have_a_lake_that_keeps_them() -> None:
    assert f"catalog-{FORMAT_VERSION}-footer-{FOOTER_FORMAT}.tar.gz" in [path.name for path in ARCHIVES]


def test_it_is_read_as_it_was_and_goes_on(lake: LakeProject) -> None:
    before = seen(lake)
    assert [len(rows) for rows in before.values()] == [3, 3, 1, 3, 2]  # type: ignore[arg-type]
    assert lake.lake.verify()[1] == []
    assert len(lake.lake.extractions()) == 7
    assert [row["status"] for row in lake.lake.runs()] == ["error", "success", "success", "success", "success"]
    assert {row["passed"] for row in lake.lake.quality()} == {True, False}
    assert extracted(lake) == [("shop", "empty", 0), ("drops", "empty", 0)]
    assert seen(lake) == before
    sell(lake.path, 4)
    lake.write({"drops/3.csv": "v\n4\n", "clientes.csv": "id,estado\n7,B\n"})
    assert extracted(lake) == [("shop", "success", 1), ("drops", "success", 1)]
    lake.ok("extract", "caja")
    lake.ok("run", "--all")
    assert seen(lake)["staging.ventas.clientes"] == [[7, "B"]]
    published(lake, 3)


def test_it_is_rebuilt_from_its_files(lake: LakeProject) -> None:
    before = seen(lake)
    (lake.path / "data/catalog.duckdb").unlink()
    result = lake.lake.rebuild_catalog()
    assert (result.extractions, result.versions, result.skipped, result.gaps) == (7, 4, (), ())
    assert seen(lake) == before
    published(lake, 2)
    assert extracted(lake) == [("shop", "empty", 0), ("drops", "empty", 0)]
