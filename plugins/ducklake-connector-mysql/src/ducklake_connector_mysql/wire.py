"""The rows of a SELECT as they come from the server, without an object a value.

PyMySQL logs in and speaks the protocol; here its socket is read in large pieces. A row is a packet: four bytes of
length and number, then its fields, each with a length of its own. `fields` asks for rows of which the first
field is one text with all that is short, made of bytes that no UTF-8 ever holds:

    FF value FF value ... FE        and FD for a value that is NULL

so that packets, rows and values can be told apart in whole megabytes at once. It relies on a few of PyMySQL's own
functions (`_execute_command`, `_read_packet`, `_rfile`), which its versions since 0.6 share.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ducklake_connector_mysql.plans import ColumnPlan

ROW_BYTES = 16 * 2**20 - 1024
"""The longest text that may be asked for as the first field: a row is to be one packet."""

_PIECE = 256 * 1024
_LONGEST_HEADER = 8
_LONGEST_ERROR = 4096
_CONTINUED = 0xFFFFFF

# Cast, for as literals they would become text in the connection's character set.
_BEGIN, _END, _NULL = (f"CAST(x'{byte}' AS BINARY)" for byte in ("FF", "FE", "FD"))

# A packet's header may itself hold bytes that mislead (`decode`); those are cut out, the others stay as the first value of their row.
_MISLEADING = re.compile(
    rb"\xfe(?![^\xf5-\xf8\xfe\xff]{4}(?:[\x00-\xf4\xf9-\xfa]|\xfc[^\xf5-\xf8\xfe\xff]{2}|\xfd[^\xf5-\xf8\xfe\xff]{3}))"
    rb"....(?:[\x00-\xfa]|\xfc..|\xfd...)",
    re.DOTALL,
)


class Interrupted(Exception):
    """The server ended a result with an error, or the connection broke; `args` are PyMySQL's."""


def fields(plans: Sequence[ColumnPlan]) -> list[str]:
    """What is asked for: one text of all that is short, then each column that travels beside it.

    Args:
        plans: The columns.
    """
    short = [f"IFNULL({plan.expression},{_NULL})" if plan.nulls else plan.expression for plan in plans if plan.parsed is not None]
    together = [f"CONCAT({_BEGIN},CONCAT_WS({_BEGIN},{','.join(short)}),{_END})"] if short else []
    return [*together, *(plan.expression for plan in plans if plan.parsed is None)]


def execute(connection: Any, statement: str) -> None:
    """Send a SELECT and read up to its first row.

    Args:
        connection: PyMySQL's.
        statement: The SELECT.

    Raises:
        pymysql.err.MySQLError: The server refuses.
        Interrupted: The server answers with something else than rows.
    """
    connection._execute_command(3, statement)
    first = connection._read_packet()
    count = first.read_length_encoded_integer()
    if first.is_ok_packet() or not count:
        raise Interrupted(0, "the server did not answer with rows")
    for _ in range(count):
        connection._read_packet()
    if not connection._read_packet().is_eof_packet():
        raise Interrupted(0, "the server did not announce its rows")


def texts(connection: Any, size: int) -> Iterator[bytes]:
    """The rows of a statement with one field, many in one piece; each piece is whole rows behind an FE.

    Args:
        connection: PyMySQL's, after `execute`.
        size: Bytes of a piece, about.

    Raises:
        Interrupted: The server ended the result with an error, or the connection broke.
    """
    rest, tail, ended = b"", b"", False
    while not ended:
        parts, length = [b"\xfe", rest], 0
        while length < size:
            part = _read_some(connection)
            parts.append(part)
            length += len(part)
            tail = (tail + part)[-_LONGEST_ERROR:] if len(part) < _LONGEST_ERROR else part[-_LONGEST_ERROR:]
            if _may_end(tail):
                break
        buffer = b"".join(parts)
        end, ended = _whole_packets(buffer, _sure_boundary(buffer))
        if end > 1:
            yield _MISLEADING.sub(b"\xfe", buffer[:end])
        rest = b"" if ended else buffer[end:]


def rows(connection: Any, fields: int) -> Iterator[list[bytes | None]]:
    """The rows of a statement field by field, for what is long or bytes.

    Args:
        connection: PyMySQL's, after `execute`.
        fields: How many a row has.

    Raises:
        Interrupted: The server ended the result with an error, or the connection broke.
    """
    while (packet := _packet(connection)) is not None:
        yield _fields(packet, fields)


def _packet(connection: Any) -> bytes | None:
    """The next row, also if it is longer than one packet; None at the end."""
    payload = _exactly(connection, int.from_bytes(_exactly(connection, 4)[:3], "little"))
    if payload[0] == 0xFE and len(payload) < 9:
        return None
    if payload[0] == 0xFF:
        raise _error(payload)
    if len(payload) == _CONTINUED:
        parts = [payload]
        while len(parts[-1]) == _CONTINUED:
            parts.append(_exactly(connection, int.from_bytes(_exactly(connection, 4)[:3], "little")))
        return b"".join(parts)
    return payload


def _fields(packet: bytes, count: int) -> list[bytes | None]:
    values: list[bytes | None] = []
    at = 0
    for _ in range(count):
        length, at = packet[at], at + 1
        if length == 0xFB:
            values.append(None)
            continue
        if length > 0xFB:
            width = {0xFC: 2, 0xFD: 3, 0xFE: 8}[length]
            length, at = int.from_bytes(packet[at : at + width], "little"), at + width
        values.append(packet[at : at + length])
        at += length
    if at != len(packet):
        raise Interrupted(0, "a row is longer than its fields")
    return values


def _sure_boundary(buffer: bytes) -> int:
    """Where, near its end, a packet of a buffer is sure to begin: behind an FE that cannot be part of a header."""
    at = buffer.rfind(b"\xfe")
    while at > _LONGEST_HEADER:
        before = buffer.rfind(b"\xfe", at - _LONGEST_HEADER - 1, at)
        if before < 0:
            return at + 1
        at = before
    return 1


def _whole_packets(buffer: bytes, at: int) -> tuple[int, bool]:
    """Walk packets from a boundary; where the last whole row ends, and whether the result does."""
    size = len(buffer)
    while at + 5 <= size:
        length = int.from_bytes(buffer[at : at + 3], "little")
        if at + 4 + length > size:
            break
        first = buffer[at + 4]
        if first == 0xFE and length < 9:
            return at, True
        if first == 0xFF:
            raise _error(buffer[at + 4 : at + 4 + length])
        if first == 0xFB or length == _CONTINUED:
            raise Interrupted(0, "a row is longer than max_allowed_packet")
        at += 4 + length
    return at, False


def _may_end(tail: bytes) -> bool:
    """Whether what has come so far may end a result, so that nothing follows to wait for; whether it does, a walk over the packets says."""
    if tail[-9:-6] == b"\x05\x00\x00" and tail[-5:-4] == b"\xfe":
        return True
    at = tail.find(b"#", 7)
    while at > 0:  # an error: length, number of the packet, FF, code, # and a state
        if tail[at - 3] == 0xFF and int.from_bytes(tail[at - 7 : at - 4], "little") == len(tail) - at + 3:
            return True
        at = tail.find(b"#", at + 1)
    return False


def _read_some(connection: Any) -> bytes:
    try:
        part: bytes = connection._rfile.read1(_PIECE)
    except (OSError, ValueError, AttributeError) as error:
        raise Interrupted(2013, f"the connection was lost: {error}") from error
    if not part:
        raise Interrupted(2013, "the connection was lost")
    return part


def _exactly(connection: Any, count: int) -> bytes:
    try:
        data: bytes = connection._rfile.read(count)
    except (OSError, ValueError, AttributeError) as error:
        raise Interrupted(2013, f"the connection was lost: {error}") from error
    if data is None or len(data) < count:
        raise Interrupted(2013, "the connection was lost")
    return data


def _error(payload: bytes) -> Interrupted:
    """Of an error packet: its number and text."""
    text = payload[3:].decode("utf-8", "replace")
    return Interrupted(int.from_bytes(payload[1:3], "little"), text[6:] if text.startswith("#") else text)
