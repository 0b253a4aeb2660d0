"""What passes between a process and who started it: values in frames, laws by their names.

A process whose subject wrote into the pipe may send anything: what is no frame, or names a class
that no result is made of, is refused and never run.
"""

from __future__ import annotations

import io
import pickle
import struct
from typing import TYPE_CHECKING, Any

from tnverify.catalogue.laws import Law

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEAD = struct.Struct("<4sI")
_MARK = b"tnv1"
_MOST = 2**28
"""Bytes that one message may have: a counterexample's values are a thousandth of it."""

_PLAIN = frozenset(
    {("collections", "Counter"), ("builtins", "frozenset"), ("builtins", "set"),
     ("builtins", "complex")}
)  # fmt: skip
"""What may be unpickled beside the classes of results."""


class MangledError(Exception):
    """What came is no message."""


class _Writer(pickle.Pickler):
    def persistent_id(self, obj: object) -> object:
        # A law holds functions; who reads has the same catalogue.
        return obj.name if isinstance(obj, Law) else None


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, law: Callable[[str], Law]) -> None:
        super().__init__(file)
        self._law = law

    def persistent_load(self, pid: object) -> Law:
        return self._law(str(pid))

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("tnverify.") or (module, name) in _PLAIN:
            return super().find_class(module, name)
        raise MangledError(f"a message with a {module}.{name}")


class _TrustingReader(_Reader):
    def find_class(self, module: str, name: str) -> Any:
        return pickle.Unpickler.find_class(self, module, name)


def frame(value: object) -> bytes:
    """A value as one message."""
    return framed(packed(value))


def packed(value: object) -> bytes:
    """A value as bytes, in which laws are but names."""
    file = io.BytesIO()
    _Writer(file, protocol=5).dump(value)
    return file.getvalue()


def unpacked(payload: bytes, law: Callable[[str], Law]) -> object:
    """What `packed` was given, of whatever classes: only for bytes of one's own making."""
    return _TrustingReader(io.BytesIO(payload), law).load()


def framed(payload: bytes) -> bytes:
    """Bytes as one message."""
    return _HEAD.pack(_MARK, len(payload)) + payload


def value_of(payload: bytes, law: Callable[[str], Law]) -> object:
    """The value in a message. Raises MangledError for bytes that hold none."""
    try:
        return _Reader(io.BytesIO(payload), law).load()
    except MangledError:
        raise
    except Exception as error:  # noqa: BLE001 - bytes may be wrong in any way
        raise MangledError(f"{type(error).__name__}: {error}") from None


class Frames:
    """Cuts a stream of bytes, as they come, into the payloads of messages."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def add(self, data: bytes) -> Iterator[bytes]:
        """The payloads that are whole by now. Raises MangledError for what is no message."""
        self._waiting += data
        while len(self._waiting) >= _HEAD.size:
            mark, size = _HEAD.unpack_from(self._waiting)
            if mark != _MARK or size > _MOST:
                raise MangledError("bytes that are no message")
            if len(self._waiting) < _HEAD.size + size:
                return
            payload = bytes(self._waiting[_HEAD.size : _HEAD.size + size])
            del self._waiting[: _HEAD.size + size]
            yield payload
