from ducklake.testing import TransformCase, TransformTests
from ducklake_transform_deduplicate.transform import Deduplicate


class TestDeduplicate(TransformTests):
    case = TransformCase(
        Deduplicate,
        lambda column: {"keys": [column]},
        rows="SELECT 1 AS id, 'Ana' AS name UNION ALL SELECT 1, 'Ana' UNION ALL SELECT 2, 'Eva'",
        column="id",
        expected=[(1, "Ana"), (2, "Eva")],
    )
