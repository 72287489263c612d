"""Key-value metadata of finished Parquet files, read and written without touching the data.

The number of parts, the rows and the state after an extraction are known only once its rows have flowed, so they
are added to the footer before anybody can see the file. A footer is a thrift struct in the compact protocol
(parquet-format, `FileMetaData`); only its field 5, `key_value_metadata`, is replaced, every other byte stays.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import struct
from collections.abc import Mapping
from io import BufferedRandom, BufferedReader
from pathlib import Path

from ducklake.errors import DataError

_MAGIC = b"PAR1"
_KEY_VALUES = 5
_PIECE = 1 << 20
_BINARY, _LIST, _SET, _MAP, _STRUCT = 8, 9, 10, 11, 12


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    id: int
    type: int
    payload: bytes


def read_metadata(path: Path) -> dict[str, str]:
    """The key-value pairs of a Parquet file's footer.

    Args:
        path: The file.

    Raises:
        DataError: It is no whole Parquet file.
    """
    try:
        with path.open("rb") as file:
            footer, _ = _read_footer(file.fileno(), path)
        return _key_values(_fields(footer))
    except (IndexError, ValueError, struct.error) as error:
        raise DataError(f"{path}: the Parquet footer is damaged: {error}") from error


def add_metadata(path: Path, pairs: Mapping[str, str], *, digest_key: str | None = None) -> str:
    """Add pairs to a footer, replacing keys that are there.

    Args:
        path: A whole Parquet file that nobody reads yet.
        pairs: Keys and values.
        digest_key: Adds the sha256 of everything else in the file under this key.

    Returns:
        The sha256 of the whole file as it is now, in hex.

    Raises:
        DataError: It is no whole Parquet file.
        OSError: It cannot be written.
    """
    with path.open("r+b") as file:
        try:
            footer, start = _read_footer(file.fileno(), path)
            fields = _fields(footer)
            merged = {**_key_values(fields), **pairs}
            digest = _digest_until(file, start)
        except (IndexError, ValueError, struct.error) as error:
            raise DataError(f"{path}: the Parquet footer is damaged: {error}") from error
        if digest_key is not None:
            merged[digest_key] = _content(digest, fields, merged, digest_key)
        body = _encoded(fields, merged)
        tail = body + struct.pack("<I", len(body)) + _MAGIC
        file.seek(start)
        file.truncate()
        file.write(tail)
        digest.update(tail)
        return digest.hexdigest()


def examine(path: Path, digest_key: str) -> tuple[str, bool | None]:
    """Read a whole file and compare it with the digest that was noted in it.

    Args:
        path: A whole Parquet file.
        digest_key: As for `add_metadata`.

    Returns:
        The sha256 of the whole file, in hex, and whether it holds what it held then; None if it has no digest.

    Raises:
        DataError: It is no whole Parquet file.
    """
    with path.open("rb") as file:
        try:
            footer, start = _read_footer(file.fileno(), path)
            fields = _fields(footer)
            pairs = _key_values(fields)
            digest = _digest_until(file, start)
            noted = pairs.get(digest_key)
            sound = None if noted is None else noted == _content(digest, fields, pairs, digest_key)
        except (IndexError, ValueError, struct.error) as error:
            raise DataError(f"{path}: the Parquet footer is damaged: {error}") from error
        digest.update(footer + struct.pack("<I", len(footer)) + _MAGIC)
        return digest.hexdigest(), sound


def _content(pages: hashlib._Hash, fields: list[_Field], pairs: Mapping[str, str], digest_key: str) -> str:
    """The digest of a whole file but for the pair that holds the digest."""
    digest = pages.copy()
    digest.update(_encoded(fields, {key: value for key, value in pairs.items() if key != digest_key}))
    return digest.hexdigest()


def _encoded(fields: list[_Field], pairs: Mapping[str, str]) -> bytes:
    """A footer with these pairs instead of its own."""
    new = [field for field in fields if field.id != _KEY_VALUES]
    new.append(_Field(_KEY_VALUES, _LIST, _encode_pairs(pairs)))
    return _encode(sorted(new, key=lambda field: field.id))


def _digest_until(file: BufferedReader | BufferedRandom, end: int) -> hashlib._Hash:
    """The running sha256 of a file's first bytes."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(min(_PIECE, end)))
    file.seek(0)
    left = end
    while left:
        read = file.readinto(buffer[: min(left, _PIECE)])
        if not read:
            raise ValueError("the file ends before its footer")
        digest.update(buffer[:read])
        left -= read
    return digest


def _read_footer(descriptor: int, path: Path) -> tuple[bytes, int]:
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 8, max(size - 8, 0))
    if size < 12 or tail[4:] != _MAGIC:
        raise DataError(f"{path}: not a whole Parquet file")
    length = struct.unpack("<I", tail[:4])[0]
    start = size - 8 - length
    if start < 4:
        raise DataError(f"{path}: the Parquet footer is damaged")
    return os.pread(descriptor, length, start), start


def _fields(data: bytes) -> list[_Field]:
    fields, at, last = [], 0, 0
    while data[at]:
        last, kind, at = _field_header(data, at, last)
        end = _skip(data, at, kind)
        fields.append(_Field(last, kind, data[at:end]))
        at = end
    return fields


def _field_header(data: bytes, at: int, last: int) -> tuple[int, int, int]:
    header = data[at]
    at += 1
    if delta := header >> 4:
        return last + delta, header & 15, at
    number, at = _varint(data, at)
    return (number >> 1) ^ -(number & 1), header & 15, at


def _skip(data: bytes, at: int, kind: int, *, in_list: bool = False) -> int:
    """The position behind a value of a thrift compact type."""
    if kind in (1, 2):
        return at + 1 if in_list else at
    if kind == 3:
        return at + 1
    if kind in (4, 5, 6):
        return _varint(data, at)[1]
    if kind == 7:
        return at + 8
    if kind == _BINARY:
        length, at = _varint(data, at)
        return at + length
    if kind in (_LIST, _SET):
        size, kind, at = _list_header(data, at)
        for _ in range(size):
            at = _skip(data, at, kind, in_list=True)
        return at
    if kind == _MAP:
        size, at = _varint(data, at)
        kinds, at = (data[at], at + 1) if size else (0, at)
        for _ in range(size):
            at = _skip(data, _skip(data, at, kinds >> 4, in_list=True), kinds & 15, in_list=True)
        return at
    if kind == _STRUCT:
        last = 0
        while data[at]:
            last, kind, at = _field_header(data, at, last)
            at = _skip(data, at, kind)
        return at + 1
    raise ValueError(f"unknown thrift type {kind}")


def _list_header(data: bytes, at: int) -> tuple[int, int, int]:
    header = data[at]
    at += 1
    size = header >> 4
    if size == 15:
        size, at = _varint(data, at)
    return size, header & 15, at


def _key_values(fields: list[_Field]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for field in fields:
        if field.id != _KEY_VALUES:
            continue
        size, _, at = _list_header(field.payload, 0)
        for _ in range(size):
            end = _skip(field.payload, at, _STRUCT)
            parts = {part.id: _text(part.payload) for part in _fields(field.payload[at:end])}
            pairs[parts[1]] = parts.get(2, "")
            at = end
    return pairs


def _text(payload: bytes) -> str:
    length, at = _varint(payload, 0)
    return payload[at : at + length].decode("utf-8", "surrogateescape")


def _encode(fields: list[_Field]) -> bytes:
    out, last = bytearray(), 0
    for field in fields:
        delta = field.id - last
        out += bytes([delta << 4 | field.type]) if 0 < delta < 16 else bytes([field.type]) + _to_varint(field.id << 1)
        out += field.payload
        last = field.id
    return bytes(out) + b"\0"


def _encode_pairs(pairs: Mapping[str, str]) -> bytes:
    size = len(pairs)
    out = bytearray([size << 4 | _STRUCT]) if size < 15 else bytearray([0xF0 | _STRUCT]) + _to_varint(size)
    for key, value in pairs.items():
        for text in (key, value):
            raw = text.encode("utf-8", "surrogateescape")
            out += bytes([1 << 4 | _BINARY]) + _to_varint(len(raw)) + raw
        out += b"\0"
    return bytes(out)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _to_varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
