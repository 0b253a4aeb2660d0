"""The compiled kernels: built once for a machine and kept, or the reason why there are none.

They are a file of C, built by the compiler of the machine when the first set comes their way (as
torch.compile and Triton do with theirs) and kept in the user's cache. Where there is no compiler,
or nowhere to keep what it built, the layers go on by torch's operations.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SOURCES = ("fused.c", "fused.h")
_FLAGS = (
    "-std=gnu11", "-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-fPIC", "-shared", "-w",
    # Bits must not hang on how a compiler rounds, and memory is used for more than one type.
    "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fno-strict-aliasing",
)  # fmt: skip
_FOR_CAPABILITY = {
    "AVX2": ("-mavx2",),
    "AVX512": ("-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq"),
}
"""What torch found this processor to have, as compilers call it."""
_PATIENCE = 120.0
"""Seconds that a compiler may take."""


class Library(NamedTuple):
    """Both directions, by dtype, and the address of what runs them on torch's threads (0: none)."""

    forward: dict[torch.dtype, Callable[[bytes], int]]
    backward: dict[torch.dtype, Callable[[bytes], int]]
    parallel: int


class Found(NamedTuple):
    """The library, if any, and in words how it was built or why it was not."""

    library: Library | None
    words: str


@cache
def found() -> Found:
    """The kernels for this process; the first call may build them, which takes seconds."""
    compiler = _compiler()
    if compiler is None:
        return Found(None, "no C compiler found (cc, gcc, clang, or what CC names)")
    capability = torch.backends.cpu.get_cpu_capability()
    flags = [*_FLAGS, *_FOR_CAPABILITY.get(capability, ())]
    failure = "no folder to keep them in can be written"
    for folder in _folders():
        try:
            loaded = _loaded(_built(folder, compiler, flags))
        except (OSError, subprocess.SubprocessError) as problem:
            failure = _in_a_line(problem)
        else:
            name = Path(compiler[0]).name
            return Found(loaded, f"C by {name}, for {capability}")
    return Found(None, failure)


def library() -> Library | None:
    """The kernels, None where there are none."""
    return found().library


def backend() -> str:
    """How layers compute on the CPU, in a line: by compiled kernels, or why by torch's operations.

    Asking may build the kernels, as the first use of a layer does.
    """
    built, words = found()
    if built is None:
        return f"torch's operations ({words})"
    threads = "torch's threads" if built.parallel else "one thread"
    return f"compiled kernels ({words}; {threads})"


def _compiler() -> list[str] | None:
    """The command that compiles C here."""
    if os.name == "nt":  # what compiles there takes other flags
        return None
    named = shlex.split(os.environ.get("CC", ""))
    for command in (named, ["cc"], ["gcc"], ["clang"]):
        where = shutil.which(command[0]) if command else None
        if where is not None:
            return [where, *command[1:]]
    return None


def _folders() -> Iterator[Path]:
    """Where built kernels may be kept, best first: folders that are there and nobody else's."""
    cache = os.environ.get("XDG_CACHE_HOME")
    folders = [Path(cache) / "tnverify"] if cache else []
    if not cache:
        with contextlib.suppress(RuntimeError):  # in a container a user may have no home
            folders.append(Path.home() / ".cache" / "tnverify")
    for folder in (*folders, Path(tempfile.gettempdir()) / f"tnverify-{os.getuid()}"):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.lstat()
        except OSError:
            continue
        own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
        if own and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield folder


def _built(folder: Path, compiler: list[str], flags: list[str]) -> Path:
    """The library in this folder, compiled if it is not there yet.

    It is named by all that went into it, and put in place whole, so that processes that compile
    at the same time do not meet.
    """
    sources = [Path(__file__).with_name(name) for name in _SOURCES]
    seen = hashlib.sha256(repr((compiler, flags, platform.machine())).encode())
    for source in sources:
        seen.update(source.read_bytes())
    library = folder / f"fused-{seen.hexdigest()[:20]}.so"
    if not library.exists():
        handle, name = tempfile.mkstemp(".so", "building-", folder)
        os.close(handle)
        try:
            subprocess.run(  # noqa: S603 - the compiler of this machine, on our own source
                [*compiler, *flags, str(sources[0]), "-o", name, "-lm"],
                check=True, capture_output=True, text=True, timeout=_PATIENCE,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            Path(name).replace(library)
        finally:
            Path(name).unlink(missing_ok=True)
    return library


def _loaded(path: Path) -> Library:
    loaded = ctypes.CDLL(str(path))

    def by_dtype(direction: str) -> dict[torch.dtype, Callable[[bytes], int]]:
        functions = {}
        for dtype, suffix in ((torch.float32, "float"), (torch.float64, "double")):
            function = getattr(loaded, f"{direction}_{suffix}")
            function.argtypes, function.restype = (ctypes.c_char_p,), ctypes.c_int
            functions[dtype] = function
        return functions

    return Library(by_dtype("forward"), by_dtype("backward"), _torchs_own_parallel())


def _torchs_own_parallel() -> int:
    """The address of GOMP_parallel in the OpenMP that torch loaded for all to see, 0 if none.

    A second OpenMP beside it would fight with it for the processor.
    """
    try:
        function = ctypes.CDLL(None).GOMP_parallel
    except (AttributeError, OSError, TypeError):
        return 0
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _in_a_line(problem: Exception) -> str:
    text = getattr(problem, "stderr", None) or str(problem)
    lines = [line for line in str(text).splitlines() if "error" in line.lower()]
    return f"building them failed: {(lines or [str(problem)])[0].strip()[:200]}"
