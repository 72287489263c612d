from ducklake.testing import ConnectorCase, ConnectorTests
from ducklake_connector_csv.connector import CsvConnector


def fill(place, tables):
    folder = place.folder / "drops"
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    for name, table in tables.items():
        rows = [table.column_names, *zip(*(column.to_pylist() for column in table.columns), strict=True)]
        text = "".join(",".join(map(cell, row)) + "\n" for row in rows)
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return {"path": "drops/*.csv", "table": "{stem}"}


def cell(value):
    return "" if value is None else '"' + value.replace('"', '""') + '"' if isinstance(value, str) else str(value)


def sample(place):
    (place.folder / "a.csv").write_text("id,name\n1,Ana\n2,\n3,Eva\n", encoding="utf-8")
    return {"path": "a.csv"}


class TestCsv(ConnectorTests):
    case = ConnectorCase(CsvConnector, sample, unreachable=[{"path": "missing.csv"}], fill=fill)
