from ducklake.testing import TransformCase, TransformTests
from ducklake_transform_rename.transform import Rename


class TestRename(TransformTests):
    case = TransformCase(
        Rename,
        lambda column: {"columns": {column: "renamed"}},
        rows="SELECT 1 AS id, 'Ana' AS cli_nom",
        column="cli_nom",
        expected=[(1, "Ana")],
    )
