"""Reading pickles of arrays and plain containers, and refusing every other.

A pickle is a program: loading one from the internet can run anything. Data sets come as pickles
all the same, so this reader knows the few functions that rebuild NumPy arrays, and no other. Even
those it stands in for: NumPy's own let a pickle make an array of objects out of raw bytes.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# What a malformed pickle was seen to raise, its opcodes applied to the wrong objects included.
_DAMAGED = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    ImportError,
    UnicodeError,
    MemoryError,
    OverflowError,
    BufferError,
    AssertionError,
)
_KINDS = "biufcSU"
_STATE_OF_ARRAY, _STATE_OF_DTYPE = 5, 8


class _Only:
    """A function that a pickle may call. It has no attributes that a pickle could set."""

    __slots__ = ("_call",)
    _call: Callable[..., object]

    def __init__(self, call: Callable[..., object]) -> None:
        object.__setattr__(self, "_call", call)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a pickle must not set {name!r} here")

    def __call__(self, *arguments: object) -> object:
        return self._call(*arguments)


class _Dtype:
    """Stands in for a dtype while a pickle is read: a plain kind and a byte order."""

    __slots__ = ("_dtype",)

    def __init__(self, code: object, *_align_and_copy: object) -> None:
        dtype = np.dtype(code) if isinstance(code, str) else None
        if dtype is None or (dtype.kind not in _KINDS and dtype != np.dtype(object)):
            raise pickle.UnpicklingError(f"an array of {code!r}")
        self._dtype = dtype

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != _STATE_OF_DTYPE:
            raise pickle.UnpicklingError("a dtype with parts")
        _, order, subarray, names, fields = state[:5]
        if not (subarray is names is fields is None) or order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("a dtype with parts")
        self._dtype = self._dtype.newbyteorder(order)

    def real(self) -> np.dtype[Any]:
        return self._dtype


class _Array(np.ndarray):
    """An array whose state a pickle sets: a plain dtype and bytes, or objects in a list."""

    def __setstate__(self, state: Any) -> None:  # whatever a pickle holds
        if not isinstance(state, tuple) or len(state) != _STATE_OF_ARRAY:
            raise pickle.UnpicklingError("an array in an unknown form")
        version, shape, dtype, by_columns, content = state
        state = (version, shape, _plain(dtype), bool(by_columns), content)
        super().__setstate__(state)


def _plain(dtype: object) -> np.dtype[Any]:
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError("an array without a dtype")
    return dtype.real()


def _empty_array(kind: object, shape: object, _code: object) -> _Array:
    if kind is not _ARRAY or shape != (0,):
        raise pickle.UnpicklingError("an array that is rebuilt in an unusual way")
    return _Array((0,), dtype=np.uint8)


def _array_of_buffer(buffer: Any, dtype: object, shape: Any, order: Any) -> np.ndarray:
    return np.frombuffer(buffer, dtype=_plain(dtype)).reshape(shape, order=order)


def _scalar(dtype: object, value: Any) -> object:
    return np.frombuffer(value, dtype=_plain(dtype))[0]


def _bytes_of_text(text: object, encoding: object) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes encoded as {encoding!r}")
    return text.encode("latin-1")


def _bytes(*content: object) -> bytes:
    if content:
        raise pickle.UnpicklingError("bytes made in an unusual way")
    return b""


def _bytearray(content: object = b"", *_encoding: object) -> bytearray:
    if not isinstance(content, bytes):
        raise pickle.UnpicklingError("a bytearray made in an unusual way")
    return bytearray(content)


def _never(*_: object) -> object:
    raise pickle.UnpicklingError("an array that is made in an unusual way")


_ARRAY = _Only(_never)


def _known() -> dict[tuple[str, str], _Only]:
    """(module, name) in a pickle -> what is put in its place."""
    known = {
        ("numpy", "ndarray"): _ARRAY,
        ("numpy", "dtype"): _Only(_Dtype),
        ("_codecs", "encode"): _Only(_bytes_of_text),
        ("collections", "OrderedDict"): _Only(dict),
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        known[module, "_reconstruct"] = _Only(_empty_array)
        known[module, "scalar"] = _Only(_scalar)
    for module in ("numpy.core.numeric", "numpy._core.numeric"):
        known[module, "_frombuffer"] = _Only(_array_of_buffer)
    for module in ("builtins", "__builtin__"):
        known[module, "set"] = _Only(set)
        known[module, "frozenset"] = _Only(frozenset)
        known[module, "bytes"] = _Only(_bytes)
        known[module, "bytearray"] = _Only(_bytearray)
    return known


_KNOWN = _known()


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> _Only:
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}; only arrays and plain containers are read"
            ) from None


def unpickled(path: Path) -> Any:  # whatever the file holds
    """The object pickled in a file: NumPy arrays, numbers, text and containers of them.

    Text of Python 2 becomes `str`, a character for each byte. Raises `DataError` naming the
    file where it is missing, damaged, or asks for anything else.
    """
    try:
        with path.open("rb") as opened:
            # Encodings matter for Python 2's pickles only, whose arrays are text to Python 3.
            return _Reader(opened, encoding="latin1").load()
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a pickle of arrays ({reason})") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
