"""Where a layer comes from: a class, a function, an object that is there, or inside one of these.

A bare name is called with the number of channels where it takes one; what is passed instead, or
passed to an argument that may be something else, is said in a note.
"""

from __future__ import annotations

import copy
import inspect
import re
from dataclasses import dataclass
from inspect import Parameter
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.claims import nearest
from tnverify.subjects.guard import calling
from tnverify.subjects.jax import is_jax, jax_call
from tnverify.subjects.spec import Unusable, stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tnverify.subjects.spec import Spec

_CHANNELS = frozenset(
    (
        "channels", "channel", "chans", "chan", "chn", "ch", "c", "n", "nc", "nf", "cin", "d",
        "features", "feature", "feats", "feat", "dim", "dims", "planes", "inplanes", "width",
        "widths", "size", "normalized", "shape", "units", "hidden", "filters", "maps", "in",
    )
)  # fmt: skip
"""Words in the name of an argument that is a number of channels."""

_MODELS = frozenset(("model", "net", "network", "module", "backbone", "encoder", "wrapped"))
_NORMS = frozenset(("norm", "bn", "layer", "batchnorm", "inner"))


@dataclass(frozen=True, slots=True)
class Source:
    """How a fresh layer is made. `call` is called with what the spec's arguments are."""

    call: Callable[..., object]
    notes: tuple[str, ...] = ()
    takes_channels: bool = True
    """Whether the layer is built for a given number of channels."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Gives copies of an object that is there."""

    held: Any

    def __call__(self, *_: object) -> Any:
        return copy.deepcopy(self.held)


@dataclass(frozen=True, slots=True)
class Called:
    """Calls a function with what `arguments` makes of the number of channels."""

    function: Callable[..., object]
    keyword: str | None = None
    """The argument that takes the number of channels, None for none."""
    wraps: str | None = None
    """What the function wraps or converts, `model` or `norm`, None for nothing."""

    def __call__(self, channels: int) -> Any:
        if self.wraps is not None:
            given = stand_in(self.wraps, channels)
            made = self.function(given)
            return given if made is None else made
        if self.keyword is not None:
            return self.function(**{self.keyword: channels})
        return self.function()


@dataclass(frozen=True, slots=True)
class Inside:
    """Takes the layer at a path out of what is built."""

    built: Callable[..., Any]
    path: tuple[str, ...]

    def __call__(self, *arguments: object, **keywords: object) -> Any:
        return self.taken_out(self.built(*arguments, **keywords))

    def how_many(self, *arguments: object, **keywords: object) -> int:
        """How many layers are built: one, or those of a list."""
        found = self.built(*arguments, **keywords)
        return len(found) if isinstance(found, list | tuple | torch.nn.ModuleList) else 1

    def taken_out(self, found: Any) -> Any:
        """The layer, in what was built: its modes are those that its network gives it."""
        layer = self._at_path(found)
        if layer is not found and _has_modes_of_its_own(found, self.path):
            layer.train = ModeOfNetwork(found, layer)
        return layer

    def _at_path(self, found: Any) -> Any:
        if not self.path and isinstance(found, list | tuple | torch.nn.ModuleList):
            return found[0]
        if not self.path and isinstance(found, dict | torch.nn.ModuleDict):
            names = ", ".join(map(str, found))
            raise Unusable(f"it is several layers: say which behind #, one of {names}")
        for part in self.path:
            found = _step(found, part, ".".join(self.path))
        return found


@dataclass(frozen=True, slots=True)
class ModeOfNetwork:
    """Puts a layer in the mode that it has once its network was put in one."""

    network: torch.nn.Module
    layer: torch.nn.Module

    def __call__(self, mode: bool = True) -> torch.nn.Module:
        kept = vars(self.layer).pop("train")
        try:
            self.network.train(mode)
        finally:
            self.layer.train = kept  # type: ignore[method-assign]  # its network decides
        return self.layer


def _has_modes_of_its_own(network: Any, path: tuple[str, ...]) -> bool:
    """Whether a network, or a part of it on the way to a layer, has a train() of its own, as one
    has that keeps its norms in eval()."""
    usual = torch.nn.Module.train
    part = network
    for name in path:
        if isinstance(part, torch.nn.Module) and type(part).train is not usual:
            return True
        part = _step(part, name, ".".join(path))
    return False


def source_of(spec: Spec) -> Source:
    """How the layer that a spec names is built. Raises Unusable where it names none."""
    found = spec.find()
    if isinstance(found, type) and is_jax(found):
        call, filled = jax_call(found, _is_channels, bare=spec.call is None)
        source = Source(call, filled)
    elif spec.call is not None:
        source = Source(spec.load(), takes_channels=_says_channels(spec))
    elif _is_there(found):
        said = (
            f"{spec.name} is copied for every fresh layer: a function that builds it is surer,"
            " where copies share anything"
        )
        learns_width = is_jax(found) in ("linen", "haiku")
        source = Source(Copied(found), (said,), takes_channels=learns_width)
    elif spec.path is not None:
        source = _network(spec)
    else:
        source = _bare(spec.load())
    path = tuple(spec.path.split(".")) if spec.path else ()
    if not path and isinstance(found, type):
        return source
    return Source(Inside(source.call, path), source.notes, source.takes_channels)


def beside(spec: Spec, source: Source) -> tuple[str, ...]:
    """A sentence on the layers beside the first, where several are built and none is named."""
    if not isinstance(source.call, Inside) or source.call.path:
        return ()
    positional, keywords = spec.arguments(2, (4, 4))
    with calling("build"):
        count = source.call.how_many(*positional, **keywords)
    if count < 2:
        return ()
    others = ", ".join(f"{spec.text}#{place}" for place in range(1, min(count, 4)))
    return (f"the first of {count} layers; name the others as {others}",)


def _says_channels(spec: Spec) -> bool:
    return any(spec.says(word) for word in ("channels", "model", "norm"))


def _is_there(found: object) -> bool:
    """Whether an object is a layer, or layers, and builds none."""
    if isinstance(found, type):
        return False
    both = callable(getattr(found, "condition", None)) and callable(
        getattr(found, "normalize", None)
    )
    return both or isinstance(found, torch.nn.Module | list | tuple) or is_jax(found) is not None


def _parameters(function: Callable[..., object]) -> list[Parameter] | None:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def _network(spec: Spec) -> Source:
    """A network whose norm is meant: built with no arguments, as its own defaults have it."""
    parameters = _parameters(spec.load()) or []
    wanted = [p.name for p in parameters if p.default is p.empty and p.kind.value in (0, 1, 3)]
    if wanted:
        raise Unusable(
            f"{spec.text}: {spec.name} wants {', '.join(wanted)}: write its arguments,"
            f" {spec.name}(...)#{spec.path}"
        )
    return Source(Called(spec.load()), takes_channels=False)


def _bare(function: Callable[..., object]) -> Source:
    """A bare name: called with the number of channels, in the argument that is one."""
    parameters = _parameters(function)
    if parameters is None:
        return Source(function)
    named = [p for p in parameters if p.kind is not Parameter.VAR_KEYWORD]
    if not named or getattr(function, "__init__", None) is torch.nn.Module.__init__:
        return Source(Called(function), takes_channels=False)
    first = named[0]
    if first.kind is Parameter.VAR_POSITIONAL or _is_channels(first):
        by_name = first.kind is Parameter.KEYWORD_ONLY
        return Source(Called(function, first.name) if by_name else function)
    wraps = _wrapped(first)
    if wraps is not None:
        said = f"its argument {first.name} was given a batch norm" + (
            "" if wraps == "norm" else " in a sequence of one"
        )
        return Source(Called(function, wraps=wraps), (said,))
    needed = [p for p in named if p.default is p.empty and p.kind.value < 2]
    later = next((p for p in named[1:] if _is_channels(p) and p.kind.value in (1, 3)), None)
    if later is not None and set(needed) <= {later}:
        said = f"the number of channels was passed as its argument {later.name}"
        return Source(Called(function, later.name), (said,))
    if first.default is Parameter.empty:
        said = (
            f"the number of channels was passed as its argument {first.name}, which may be"
            " something else: a call in the spec says what it is given"
        )
        return Source(function, (said,))
    said = (
        f"built with its own defaults: its first argument {first.name} ({first.default!r}) is no"
        " number of channels by its name; a call in the spec says what it is given"
    )
    return Source(Called(function), (said,), takes_channels=False)


def _is_channels(parameter: Parameter) -> bool:
    if isinstance(parameter.default, bool | float | str):
        return False
    if parameter.name in ("dim", "d") and parameter.default is not Parameter.empty:
        return False  # an axis
    if parameter.name == "size":
        return False  # of a window
    parts = re.split(r"_|(?<=[a-z])(?=[A-Z])", parameter.name)
    return any(part.lower() in _CHANNELS for part in parts)


def _wrapped(parameter: Parameter) -> str | None:
    if parameter.default not in (None, Parameter.empty):
        return None
    parts = set(parameter.name.lower().split("_"))
    kind = str(getattr(parameter.annotation, "__name__", parameter.annotation))
    if parts & _MODELS or kind.rpartition(".")[2] == "Module":
        return "model"
    return "norm" if parts & _NORMS or "BatchNorm" in kind else None


def _step(found: Any, part: str, path: str) -> Any:
    if isinstance(found, list | tuple | torch.nn.ModuleList | torch.nn.Sequential):
        if part.isdigit() and int(part) < len(found):
            return found[int(part)]
    elif isinstance(found, dict | torch.nn.ModuleDict) and part in found:
        return found[part]
    elif hasattr(found, part):
        return getattr(found, part)
    raise Unusable(
        f"#{path}: a {type(found).__name__} has no {part!r}: {nearest(part, _names(found))}"
    )


def _names(found: Any) -> tuple[str, ...]:
    if isinstance(found, torch.nn.Module):
        names: Iterable[str] = (name for name, _ in found.named_children())
    elif isinstance(found, dict):
        names = map(str, found)
    elif isinstance(found, list | tuple):
        names = map(str, range(len(found)))
    else:
        names = (n for n in dir(found) if not n.startswith("_"))
    return tuple(names)
