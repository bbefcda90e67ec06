"""The snapshot of an index: a file beside the store from which it is ready in milliseconds, mapped and not read.

It is only ever a shortcut: whoever loads one proves its epoch against the log of the store and follows the log from there.
A file that is missing, of another format, cut short or damaged in its header is no snapshot, and that is no error.

    8 bytes   magic, then 4 bytes length of the header and 16 bytes of its BLAKE2b hash
    header    JSON: format, byte order, epoch, and of each column its type, offset and number of entries
    columns   each at a multiple of 64
"""

import mmap
import os
import sys
import time
from contextlib import suppress
from glob import escape
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import orjson

from backends.index import Base, Side
from backends.model import Epoch, Json

MAGIC: Final = b"HWINDEX\n"
FORMAT: Final = 1
ALIGNED: Final = 64
ABANDONED: Final = 3600
"""Seconds after which a file that nobody finished is nobody's."""
_NODE_COLUMNS: Final = ("kinds", "namespaces", "id_start", "id_size", "hashes", "hashed")
_SIDE_COLUMNS: Final = ("start", "flow", "other", "kind")


def save(path: Path, base: Base) -> None:
    """Writes the snapshot: readers see the old one or the new one, whole. Raises OSError.

    It is on disk before it takes the name, so that a machine which stops in between leaves no file of zeros.
    """
    made = path.with_name(f"{path.name}.{uuid4().hex}.new")
    columns = _columns(base)
    layout: dict[str, tuple[str, int, int]] = {}
    offset = 0
    for name, column in columns.items():
        layout[name] = (column.dtype.str, offset, len(column))
        offset += -(-column.nbytes // ALIGNED) * ALIGNED
    header = orjson.dumps(
        {"format": FORMAT, "order": sys.byteorder, "epoch": base.epoch[:], "size": offset, "columns": layout}
    )
    begin = _begin(header)
    try:
        with made.open("wb") as file:
            file.write(MAGIC + len(header).to_bytes(4, "little") + blake2b(header, digest_size=16).digest() + header)
            for name, column in columns.items():
                file.seek(begin + layout[name][1])
                file.write(column.data.cast("B") if len(column) else b"")
            file.truncate(begin + offset)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    _tidy(path)


def _tidy(path: Path) -> None:
    """Removes what processes left that were killed while they wrote."""
    for left in path.parent.glob(f"{escape(path.name)}.*.new"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()


def load(path: Path) -> Base | None:
    """The base in the file, mapped; None where there is none to be had."""
    try:
        with path.open("rb") as file:
            start = file.read(28)
            header = file.read(int.from_bytes(start[8:12], "little"))
            if start[:8] != MAGIC or blake2b(header, digest_size=16).digest() != start[12:28]:
                return None
            said = orjson.loads(header)
            begin = _begin(header)
            if (said["format"], said["order"]) != (FORMAT, sys.byteorder):
                return None
            if os.fstat(file.fileno()).st_size != begin + said["size"]:
                return None
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError, KeyError):
        return None
    return _base(said, memoryview(mapped)[begin:])


def _begin(header: bytes) -> int:
    return -(-(28 + len(header)) // ALIGNED) * ALIGNED


def _columns(base: Base) -> dict[str, np.ndarray[Any, Any]]:
    columns = {name: np.ascontiguousarray(getattr(base, name)) for name in _NODE_COLUMNS}
    for side in ("out", "into"):
        columns |= {f"{side}.{name}": np.ascontiguousarray(getattr(getattr(base, side), name)) for name in _SIDE_COLUMNS}
    columns["namespace_names"] = np.frombuffer(orjson.dumps(list(base.namespace_names)), np.uint8)
    columns["ids"] = np.frombuffer(base.ids, np.uint8)
    return columns


def _base(said: Json, mapped: memoryview) -> Base:
    def column(name: str) -> Any:
        dtype, offset, length = said["columns"][name]
        return np.frombuffer(mapped, np.dtype(dtype), length, offset)

    ids = said["columns"]["ids"]
    return Base(
        epoch=Epoch(*said["epoch"]),
        namespace_names=orjson.loads(column("namespace_names").tobytes()),
        ids=mapped[ids[1] : ids[1] + ids[2]],
        out=Side(*(column(f"out.{name}") for name in _SIDE_COLUMNS)),
        into=Side(*(column(f"into.{name}") for name in _SIDE_COLUMNS)),
        **{name: column(name) for name in _NODE_COLUMNS},
    )
