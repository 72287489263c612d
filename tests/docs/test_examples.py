"""The scripts in docs/examples run as they stand."""

import subprocess
import sys

import pytest

from documentation import blocks
from ducklake.testing.project import environment
from workspace import ROOT

EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
PRINTS = {
    "example_csv_pipeline.py": ["Centro 2 17.50", "Norte 2 16.00"],
    "example_custom_transformation.py": ["1 ada lovelace al", "2 grace hopper gh"],
    "example_mysql_to_consume.py": ["Ana 2 10.30", "raw.mysql_ventas.pedidos: empty, 0 rows", "Ana María 2 10.30", "Íñigo 2 105.00"],
}
NEEDS = {"example_mysql_to_consume.py": ("mysql_url", "DUCKLAKE_TEST_MYSQL_URL")}
"""The server that an example needs: the fixture that finds one, and the variable by which the example does."""


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.name)
def test_example_runs(script, tmp_path, request):
    fixture, variable = NEEDS.get(script.name, (None, ""))
    server = {variable: request.getfixturevalue(fixture)} if fixture else {}
    ran = subprocess.run([sys.executable, script], cwd=tmp_path, env=environment(server), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for line in PRINTS[script.name]:
        assert line in ran.stdout.splitlines()
    assert list(tmp_path.iterdir()) == []


def test_index_names_every_example():
    index = (ROOT / "docs/examples/index.md").read_text(encoding="utf-8")
    assert all(f"({script.name})" in index for script in EXAMPLES)


def test_samples_land_as_they_are(lake_project):
    readme = ROOT / "data/samples/README.md"
    configuration = next(block.text for block in blocks(readme) if block.language == "yaml")
    samples = {f"data/samples/{path.name}": path.read_bytes() for path in readme.parent.glob("*.csv")}
    assert len(samples) == 2
    lake = lake_project({**samples, "config/sources.yaml": configuration})
    lake.ok("extract", "--all")
    assert lake.query("SELECT codigo_postal FROM raw.muestras.clientes WHERE cli_id = 1") == [["01010"]]
    assert lake.query("SELECT sum(importe), count(*) FROM raw.cajas.tickets") == [["33.50", 5]]
