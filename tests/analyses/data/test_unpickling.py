"""Pickles of arrays are read; pickles that would run code, or forge memory, are refused."""

from __future__ import annotations

import os
import pickle
import struct
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tnverify.analyses.data import DataError
from tnverify.analyses.data.unpickling import unpickled

if TYPE_CHECKING:
    from pathlib import Path

WHOLESOME = {
    "bytes": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "by columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "strided": np.arange(10)[::3],
    "big-endian": np.arange(3, dtype=">i4"),
    "none": np.zeros((0, 5), dtype=np.float32),
    "one": np.array(5),
    "texts": np.array(["a", "bcd"]),
    "objects": np.array([None, {"a": 1}], dtype=object),
    "scalar": np.float64(0.5),
    "integer": np.int64(-3),
    "flag": np.bool_(True),
    "containers": {"a": [1, (2, 3)], "b": {4, 5}, "c": frozenset((6,)), "d": None},
    "raw": [b"", b"\x00\xff", bytearray(b"xyz"), "é"],
    "ordered": OrderedDict(b=1, a=2),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", WHOLESOME)
def test_arrays_and_containers_are_read(name: str, protocol: int, tmp_path: Path) -> None:
    value = WHOLESOME[name]
    path = tmp_path / "data.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    found = unpickled(path)
    if isinstance(value, np.ndarray):
        assert isinstance(found, np.ndarray)
        # Some pickles bring bytes into the machine's order.
        usual = pickle.loads(path.read_bytes())  # noqa: S301  # made above
        assert found.dtype == usual.dtype
        assert found.shape == value.shape
        assert found.tolist() == value.tolist()
    else:
        assert found == value


def test_a_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    # {'labels': numpy.array([1, 2, 3], dtype='u1')} as Python 2 wrote it, its bytes as text.
    content = (
        b"\x80\x02}q\x00U\x06labelsq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\n"
        b"ndarray\nq\x03K\x00\x85q\x04U\x01bq\x05\x87q\x06Rq\x07(K\x01K\x03\x85q\x08cnumpy\ndtype"
        b"\nq\tU\x02u1q\nK\x00K\x01\x87q\x0bRq\x0c(K\x03U\x01|q\rNNNJ\xff\xff\xff\xffJ\xff\xff"
        b"\xff\xffK\x00tq\x0eb\x89U\x03\x01\x02\x03q\x0ftq\x10bs."
    )
    path = tmp_path / "data.pkl"
    path.write_bytes(content)
    found = unpickled(path)
    assert list(found) == ["labels"]
    assert found["labels"].tolist() == [1, 2, 3]


class _Call:
    """Pickles as a call of a function."""

    def __init__(self, call: Any, *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_cannot_run_a_command(tmp_path: Path, protocol: int) -> None:
    trace = tmp_path / "ran"
    path = tmp_path / "data.pkl"
    content = {"image_data": np.zeros(3), "x": _Call(os.system, f"touch {trace}")}
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    # The trap works where nobody guards against it.
    pickle.loads(path.read_bytes())  # noqa: S301  # made here, to show what it would do
    assert trace.exists()
    trace.unlink()
    with pytest.raises(DataError, match=r"data\.pkl: .*asks for (posix|nt)\.system"):
        unpickled(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (eval, ("1",)),
        (getattr, ("", "join")),
        (__import__, ("os",)),
        (np.load, ("x",)),
        (np.fromfile, ("x",)),
        (type, ("A", (), {})),
        (range, (3,)),
    ],
)
def test_other_functions_are_refused(tmp_path: Path, call: Any, arguments: Any) -> None:
    path = tmp_path / "data.pkl"
    path.write_bytes(pickle.dumps(_Call(call, *arguments)))
    with pytest.raises(DataError, match="only arrays and plain containers are read"):
        unpickled(path)


def _array_of_raw_objects() -> bytes:
    """numpy.ndarray((1,), dtype('O'), b'AAAAAAAA'): bytes taken for a pointer to an object."""
    return b"cnumpy\nndarray\n((I1\ntcnumpy\ndtype\n(S'O'\ntRS'AAAAAAAA'\ntR."


def _state_of_raw_objects() -> bytes:
    """An array whose dtype's state hides that a field of it is an object."""
    return (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\nt"
        b"cnumpy\ndtype\n(S'V8'\ntR(I3\nS'|'\nN(S'a'\nt(dS'a'\n(cnumpy\ndtype\n(S'O8'\ntRI0\nts"
        b"I8\nI1\nI0\ntbI00\nS'AAAAAAAA'\ntb."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_array_of_raw_objects(), "an array that is made in an unusual way"),
        (_state_of_raw_objects(), "an array of 'V8'"),
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(c__builtin__\nset\n(I0\ntS'b'\ntR.",
            "rebuilt in an",
        ),
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I9\ntS'O'\ntR.",
            "rebuilt in an",
        ),
        # The stand-ins have nothing that a pickle could set.
        (b"c_codecs\nencode\nN}S'_call'\nNs\x86b.", "must not set '_call'"),
        (b"cbuiltins\nbytearray\n(I1000000000000\ntR.", "a bytearray made in an unusual way"),
        (b"cbuiltins\nbytes\n(I1000000000000\ntR.", "bytes made in an unusual way"),
        (b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.", "bytes encoded as 'rot13'"),
        (
            b"\x80\x04\x8c\x08builtins\x8c\x0dset.__class__\x93.",
            r"asks for builtins\.set\.__class__",
        ),
        (b"\x82\x01.", "unregistered extension code"),
        (b"P0\n.", "persistent"),
    ],
)
def test_forged_pickles_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "data.pkl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        unpickled(path)


def test_every_cut_is_one_line_naming_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data.pkl"
    whole = pickle.dumps({"data": np.arange(50, dtype=np.uint8), "labels": [1, 2]})
    for kept in range(len(whole)):
        path.write_bytes(whole[:kept])
        with pytest.raises(DataError) as caught:
            unpickled(path)
        assert str(caught.value).startswith(f"{path}: not a pickle of arrays (")
        assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.pkl: No such file"):
        unpickled(tmp_path / "gone.pkl")


def test_shapes_that_the_bytes_do_not_fill_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.pkl"
    whole = pickle.dumps(np.zeros(7, dtype=np.uint8), protocol=2)
    count = b"K\x07\x85"
    assert whole.count(count) == 1
    path.write_bytes(whole.replace(count, b"M" + struct.pack("<H", 700) + b"\x85"))
    with pytest.raises(DataError, match="not a pickle of arrays"):
        unpickled(path)
