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


def large(place):
    row = "0123456789abcdef" * 64
    with (place.folder / "large.csv").open("w", encoding="utf-8") as file:
        file.write("id,text\n")
        for block in range(2_000):
            file.write("".join(f"{block},{row}\n" for _ in range(1_000)))
    return {"path": "large.csv", "format": {"types": {"id": "BIGINT", "text": "VARCHAR"}}}


class TestCsv(ConnectorTests):
    case = ConnectorCase(CsvConnector, sample, unreachable=[{"path": "missing.csv"}], fill=fill, large=large)
