"""The columns of a SELECT by what the server says of its result, where there is no table to look at."""

from __future__ import annotations

from typing import Any

from ducklake_connector_mysql.declared import DeclaredColumn

_BINARY_CHARSET = 63
_UNSIGNED, _ENUM, _SET, _ZEROFILL = 32, 256, 2048, 64
_KINDS = {
    0: "decimal", 246: "decimal", 1: "tinyint", 2: "smallint", 9: "mediumint", 3: "int", 8: "bigint", 4: "float", 5: "double",
    7: "timestamp", 17: "timestamp", 10: "date", 14: "date", 11: "time", 19: "time", 12: "datetime", 18: "datetime", 13: "year",
    16: "bit", 245: "json", 255: "geometry", 242: "vector", 6: "varchar",
}  # fmt: skip
_OPEN = "?"
"""The character set of a text of which only the result's is known: the server makes it Unicode."""


def columns_of_result(connection: Any, source: str) -> tuple[DeclaredColumn, ...]:
    """What a SELECT would return, without reading a row.

    Args:
        connection: PyMySQL's.
        source: What stands behind FROM.
    """
    from ducklake_connector_mysql.plans import escaped

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {escaped(source)} LIMIT 0", ())
        return tuple(_column(field) for field in cursor._result.fields)


def _column(field: Any) -> DeclaredColumn:
    """A column by PyMySQL's FieldDescriptorPacket."""
    kind = _KINDS.get(field.type_code)
    scale = field.scale if field.scale <= 38 else 0
    precision = octets = charset = None
    declared = kind or ""
    if kind is None:
        binary = field.charsetnr == _BINARY_CHARSET
        octets, charset = field.length, None if binary else _OPEN
        long = field.length > 65535 * 4
        kind = ("longblob" if long else "varbinary") if binary else ("longtext" if long else "varchar")
        if field.flags & (_ENUM | _SET):
            kind = "enum" if field.flags & _ENUM else "set"
        declared = kind
    elif kind == "decimal":
        precision = field.length - (1 if scale else 0) - (0 if field.flags & _UNSIGNED else 1)
        declared = f"decimal({precision},{scale})"
    if kind in ("varchar",) and charset is None:
        charset = _OPEN
    unsigned = " unsigned" if field.flags & _UNSIGNED and kind not in ("bit", "year", "timestamp") else ""
    zerofill = " zerofill" if field.flags & _ZEROFILL and kind not in ("bit", "year", "timestamp") else ""
    return DeclaredColumn(str(field.name), kind, declared + unsigned + zerofill, True, octets, precision, scale, None, charset)
