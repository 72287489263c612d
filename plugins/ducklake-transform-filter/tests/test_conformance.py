from ducklake.api import quote
from ducklake.testing import TransformCase, TransformTests
from ducklake_transform_filter.transform import Filter


class TestFilter(TransformTests):
    case = TransformCase(
        Filter,
        lambda column: {"condition": f"{quote(column)} > 1"},
        rows="SELECT 1 AS id, 'Ana' AS name UNION ALL SELECT 2, 'Eva'",
        column="id",
        expected=[(2, "Eva")],
        cannot={"name_a_missing_column": "the condition is SQL, whose names the compiler looks up"},
    )
