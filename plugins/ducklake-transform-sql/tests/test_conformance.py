from ducklake.api import quote
from ducklake.testing import TransformCase, TransformTests
from ducklake_transform_sql.transform import Sql


class TestSql(TransformTests):
    case = TransformCase(
        Sql,
        lambda column: {"query": f"SELECT * REPLACE ({quote(column)} + 1 AS {quote(column)}) FROM input"},
        rows="SELECT 1 AS id, 'Ana' AS name",
        column="id",
        expected=[(2, "Ana")],
        cannot={"name_a_missing_column": "the query is SQL, whose names the compiler looks up"},
    )
