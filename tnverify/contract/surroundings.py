"""What a process shares among all code in it, and no call to a layer may change.

`Surroundings` are values that are read and put back; `Functions` are the functions, classes and
modules that everybody calls by name, which may be replaced.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # signal, but for the names that it looks up
import gc
import operator
import os
import signal
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGCHLD", "SIGSEGV", "SIGPIPE")
    if hasattr(signal, name)
)
"""Signals whose handlers are watched."""


class _Setting(NamedTuple):
    """One thing that is shared: its name, how it is read, and how it is put back."""

    name: str
    read: Callable[[], Any]
    put_back: Callable[[Any], Any]


def _flags(module: Any, *names: str) -> list[_Setting]:
    """Settings that are attributes of a module of torch."""
    short = module.__name__.removeprefix("torch.")
    return [
        _Setting(
            f"torch.{short}.{name}",
            partial(getattr, module, name),
            partial(setattr, module, name),
        )
        for name in names
        if hasattr(module, name)
    ]


def _deterministic(value: tuple[bool, bool]) -> None:
    torch.use_deterministic_algorithms(value[0], warn_only=value[1])


def _give_handlers(handlers: tuple[Any, ...]) -> None:
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(_SIGNALS, handlers, strict=True):
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _give_streams(streams: tuple[Any, ...]) -> None:
    sys.stdin, sys.stdout, sys.stderr = streams


def _environment() -> dict[Any, str]:
    # What os.environ keeps, as it keeps it: it is read around every law.
    return dict(getattr(os.environ, "_data", os.environ))


def _give_directory(path: str | None) -> None:
    if path is not None:
        os.chdir(path)


def _open() -> tuple[bool, ...]:
    return tuple(not getattr(stream, "closed", False) for stream in (sys.stdout, sys.stderr))


def _give_environment(environment: dict[Any, str]) -> None:
    kept = getattr(os.environ, "_data", os.environ)
    decode = getattr(os.environ, "decodevalue", str)
    for key in [key for key in kept if key not in environment]:
        del os.environ[decode(key)]
    for key, value in environment.items():
        if kept.get(key) != value:
            os.environ[decode(key)] = decode(value)


def _where() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - read around every law
    except OSError:
        return None  # it was removed


def _give_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]  # a list, whatever its type says


def _give_path(path: list[str]) -> None:
    sys.path[:] = path


def _device() -> torch.device:
    return torch.empty(0).device


def _flushes() -> bool:
    """Whether subnormal numbers are taken for zero."""
    return bool(np.float64(5e-324) * np.float64(1.0) == 0.0)


_TORCH: tuple[_Setting, ...] = (
    _Setting("whether gradients are tracked", torch.is_grad_enabled, torch._C._set_grad_enabled),  # noqa: SLF001 - what torch.set_grad_enabled sets
    _Setting("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype),
    _Setting("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    _Setting(
        "torch.use_deterministic_algorithms",
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        _deterministic,
    ),
    _Setting(
        "torch.is_autocast_enabled on the CPU",
        lambda: torch.is_autocast_enabled("cpu"),
        lambda on: torch.set_autocast_enabled("cpu", on),
    ),
    _Setting(
        "torch.autograd's detection of anomalies",
        torch.is_anomaly_enabled,
        torch.set_anomaly_enabled,
    ),
    *_flags(torch.backends.cudnn, "enabled", "benchmark", "deterministic"),
    *_flags(torch.backends.mkldnn, "enabled"),
    _Setting(
        "torch's precision of matrix products in float32",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    _Setting(
        "torch's default device", _device, lambda device: torch.set_default_device(str(device))
    ),
    _Setting("whether denormals are flushed to zero", _flushes, torch.set_flush_denormal),
)


_PROCESS: tuple[_Setting, ...] = (
    _Setting("NumPy's handling of errors", np.geterr, lambda given: np.seterr(**given)),
    _Setting("the working directory", _where, _give_directory),
    _Setting("the environment's variables", _environment, _give_environment),
    _Setting("sys.path", lambda: list(sys.path), _give_path),
    _Setting("the filters of warnings", lambda: list(warnings.filters), _give_filters),
    _Setting(
        "the handlers of signals",
        lambda: tuple(map(_signal.getsignal, _SIGNALS)),
        _give_handlers,
    ),
    _Setting(
        "sys.stdin, sys.stdout and sys.stderr",
        lambda: (sys.stdin, sys.stdout, sys.stderr),
        _give_streams,
    ),
    _Setting("whether sys.stdout and sys.stderr are open", _open, lambda _: None),
    _Setting("Python's recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    _Setting("sys.excepthook", lambda: sys.excepthook, lambda h: setattr(sys, "excepthook", h)),
    _Setting("sys.gettrace", sys.gettrace, sys.settrace),
    _Setting(
        "whether memory is collected (gc)",
        gc.isenabled,
        lambda on: gc.enable() if on else gc.disable(),
    ),
)


_ALL = (*_TORCH, *_PROCESS)


def _said(name: str, before: Any, now: Any) -> str:
    if isinstance(before, bool | int | float | str | torch.dtype | torch.device):
        return f"{name} ({before} before, {now} after)"
    return name


class Surroundings:
    """What the process shares, as it is now: the `settings` of it."""

    __slots__ = ("_settings", "_values")

    def __init__(self, settings: tuple[_Setting, ...]) -> None:
        self._settings = settings
        self._values = [setting.read() for setting in settings]

    def put_back(self) -> list[str]:
        """Make everything what it was; what was not, in words."""
        changed = []
        for setting, value in zip(self._settings, self._values, strict=True):
            now = setting.read()
            if now != value:
                changed.append(_said(setting.name, value, now))
                with suppress(Exception):  # what cannot be put back is told nevertheless
                    setting.put_back(value)
        return changed


def surroundings() -> Surroundings:
    """All that the process shares, as it is now."""
    return Surroundings(_ALL)


def modes_of_torch() -> Surroundings:
    """Modes of torch that hold for all code of the process."""
    return Surroundings(_TORCH)


def rest_of_process() -> Surroundings:
    """What the process shares beside these."""
    return Surroundings(_PROCESS)


@contextmanager
def kept() -> Iterator[None]:
    """Put everything that the process shares back afterwards."""
    before = surroundings()
    try:
        yield
    finally:
        before.put_back()


_WATCHED = (
    "builtins", "math", "random", "time", "os", "copy", "pickle", "numpy", "numpy.random",
    "torch", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.testing", "torch.linalg",
    "torch.autograd", "torch.random",
)  # fmt: skip
_CLASSES = (torch.Tensor, torch.nn.Module, torch.nn.Parameter, torch.autograd.Function)
_OWN = ("torch", "numpy")
"""Packages that replace functions of their own when they are first used."""


class Functions:
    """The functions and classes that everybody calls by name, and the modules, as they are now."""

    __slots__ = ("_modules", "_places")

    def __init__(self) -> None:
        self._modules = dict(sys.modules)
        places: list[tuple[str, Any]] = [
            (name, self._modules[name]) for name in _WATCHED if name in self._modules
        ]
        places += [(f"{c.__module__}.{c.__name__}", c) for c in _CLASSES]
        self._places = [
            (name, place, {k: v for k, v in vars(place).items() if callable(v)})
            for name, place in places
        ]

    def put_back(self) -> list[str]:
        """Put what was replaced in its place; the names of what had been."""
        replaced = []
        if not _holds(sys.modules, self._modules):
            for name, module in self._modules.items():
                if sys.modules.get(name) is not module:
                    replaced.append(f"sys.modules[{name!r}]")
                    sys.modules[name] = module
        for name, place, functions in self._places:
            now = vars(place)
            if _holds(now, functions):
                continue
            for key, function in functions.items():
                other = now.get(key)
                if other is not function and not _is_own(other):
                    replaced.append(f"{name}.{key}")
                    with suppress(Exception):  # as in Surroundings
                        setattr(place, key, function)
        return replaced


def _holds(now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    """Whether everything is where it was; quick, for thousands of things."""
    return all(map(operator.is_, map(now.get, then), then.values()))


def _is_own(function: Any) -> bool:
    """Whether a function was written by the packages that replace their own."""
    if isinstance(function, type):
        return function.__module__.partition(".")[0] in _OWN
    code = getattr(function, "__code__", None)
    file = "" if code is None else code.co_filename
    return any(file.startswith(os.path.dirname(sys.modules[p].__file__ or "-")) for p in _OWN)  # noqa: PTH120 - looked at for every function
