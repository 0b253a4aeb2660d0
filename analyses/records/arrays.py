"""Arrays of a record: columns of numbers in groups, packed into one npz file."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

Columns = dict[str, "NDArray[Any]"]
"""Columns by "group/column", such as "tasks/accuracy": one number a row of the group."""

_NAME = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")


def columns(arrays: Mapping[str, ArrayLike]) -> Columns:
    """`arrays` checked to be columns: named "group/column", flat, as long as their group's others.

    Raises ValueError otherwise, and for arrays of Python objects, which a reader would have to
    unpickle.
    """
    made: Columns = {}
    lengths: dict[str, tuple[str, int]] = {}
    for name, values in arrays.items():
        array = np.asarray(values)
        if not _NAME.fullmatch(name):
            raise ValueError(
                f'array {name!r}: name it "group/column", lower case, as tasks/accuracy'
            )
        if array.ndim != 1 or array.dtype.kind not in "biufU":
            raise ValueError(
                f"array {name} is of {array.dtype} with shape {array.shape}: pass one dimension of "
                "numbers, booleans or strings"
            )
        group = name.partition("/")[0]
        other, length = lengths.setdefault(group, (name, len(array)))
        if length != len(array):
            raise ValueError(
                f"array {name} has {len(array)} rows and {other} {length}: columns of a group "
                "have a value for each of its rows"
            )
        made[name] = array
    return made


def pack(made: Columns) -> bytes:
    """The bytes of an npz file; the same for the same columns."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(sorted(made.items())))
    return buffer.getvalue()


def unpack(content: bytes) -> Columns:
    """The columns in the bytes of an npz file. Raises ValueError where it is no such file."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, KeyError, EOFError, OSError) as error:
        raise ValueError(f"no npz file: {error}") from error
