from decimal import Decimal

from ducklake.testing import TransformCase, TransformTests
from ducklake_transform_cast.transform import Cast


class TestCast(TransformTests):
    case = TransformCase(
        Cast,
        lambda column: {"columns": {column: "decimal(12,2)"}},
        rows="SELECT 1 AS id, '1.50' AS price",
        column="price",
        expected=[(1, Decimal("1.50"))],
    )
