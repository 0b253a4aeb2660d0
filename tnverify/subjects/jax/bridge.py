"""A torch module that holds a JAX layer's arrays and calls it."""

from __future__ import annotations

import copy
import importlib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tnverify.subjects.jax.building import is_jax
from tnverify.subjects.jax.functions import JaxFunction, through, to_jax, to_torch
from tnverify.subjects.jax.naming import names_of

if TYPE_CHECKING:
    from tnverify.subjects.jax.pure import Pure, Settings

_PURE: dict[int, tuple[Any, dict[Any, Pure]]] = {}
"""Layers that were taken apart, with what became of them for each number of channels and map."""
_KEPT = 64

_MODULES = {"nnx": "flax_nnx", "linen": "flax_linen", "equinox": "of_equinox", "haiku": "of_haiku"}


def bridged(layer: Any, channels: int, spatial: tuple[int, ...]) -> Any:
    """A JAX layer as a torch module; anything else as it is."""
    library = is_jax(layer)
    return layer if library is None else JaxLayer(layer, library, channels, spatial)


def is_bridged(layer: Any) -> bool:
    """Whether a layer is computed by JAX."""
    return isinstance(layer, JaxLayer)


@dataclass(frozen=True, slots=True)
class _Leaf:
    """One array of a layer: its name here, and whether calls change it."""

    name: str
    is_state: bool
    is_float: bool
    key: str | None = None
    """How random keys are made that it holds, None for numbers."""


class JaxLayer(nn.Module):
    """Parameters and state of a JAX layer as torch parameters and buffers, read for every call.

    Attributes that are plain values are the layer's own and may be set. Channels come second, as
    in torch, wherever the layer has them. Outputs and floating state stay in autograd's graph.
    """

    def __init__(self, layer: Any, library: str, channels: int, spatial: tuple[int, ...]) -> None:
        super().__init__()
        import jax

        self._pure = _taken_apart(layer, library, channels, spatial)
        self.__signature__ = self._pure.signature
        self._mode: bool | None = None
        self._shown = {n: v for n, v in self._pure.shown.items() if not hasattr(self, n)}
        for name, value in self._shown.items():
            setattr(self, name, value)
        trees = (self._pure.parameters, self._pure.state)
        arrays, self._form = jax.tree_util.tree_flatten_with_path(trees)
        names = names_of([tuple(map(_word, path[1:])) for path, _ in arrays])
        first = sum(1 for path, _ in arrays if path[0].idx == 0)
        self._leaves: list[_Leaf] = []
        for place, (name, (_, array)) in enumerate(zip(names, arrays, strict=True)):
            is_key = jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key)
            tensor = to_torch(jax.random.key_data(array) if is_key else array)
            leaf = _Leaf(
                self._pure.aliases.get(place - first, name),
                place >= first,
                tensor.is_floating_point(),
                str(jax.random.key_impl(array)) if is_key else None,
            )
            self._leaves.append(leaf)
            self._hold(leaf, tensor)
        self.training = self._pure.training

    def _hold(self, leaf: _Leaf, tensor: Tensor) -> None:
        if leaf.is_float and not leaf.is_state:
            self.register_parameter(leaf.name, nn.Parameter(tensor))
        else:
            self.register_buffer(leaf.name, tensor)

    def train(self, mode: bool = True) -> JaxLayer:
        self._mode = mode
        return super().train(mode)

    def forward(self, x: Tensor, **options: Any) -> Tensor:
        stack: Any = torch._C._functorch.peek_interpreter_stack()  # noqa: SLF001 - torch offers no other way to ask
        if torch.compiler.is_compiling() or stack is not None:
            raise NotImplementedError("a JAX layer is computed outside of torch")
        settings = tuple(
            (name, getattr(self, name))
            for name, built in self._shown.items()
            if getattr(self, name) != built
        )
        function = _function(
            _Call(
                self._pure,
                self._form,
                tuple(self._leaves),
                (settings, tuple(sorted(options.items())), self._mode),
            )
        )
        held = {leaf: getattr(self, leaf.name) for leaf in self._leaves}
        outputs, new = self._computed(function, x, held)
        # A graph through state that a call changes would grow with every call.
        constant = {leaf: t.detach() if leaf.is_state else t for leaf, t in held.items()}
        if new and any(t.requires_grad for leaf, t in held.items() if leaf.is_state):
            outputs, new = self._computed(function, x, constant)
        self._buffers.update(new)
        last = torch.channels_last if x.dim() == 4 else torch.channels_last_3d
        if x.dim() > 3 and not x.is_contiguous() and x.is_contiguous(memory_format=last):
            outputs = outputs.contiguous(memory_format=last)
        return outputs

    def _computed(
        self, function: JaxFunction, x: Tensor, held: dict[_Leaf, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Outputs, and the state that the call changed, by name."""
        floats = tuple(tensor for leaf, tensor in held.items() if leaf.is_float)
        rest = tuple(to_jax(tensor) for leaf, tensor in held.items() if not leaf.is_float)
        values, more = through(function, (x, *floats), rest)
        outputs, *changed = values
        new = {True: iter(changed), False: iter(more)}
        found = {}
        for leaf in self._leaves:
            if leaf.is_state:
                value = next(new[leaf.is_float])
                value = value if leaf.is_float else to_torch(value, x.device)
                if not torch.equal(value, held[leaf]):
                    found[leaf.name] = value
        return outputs, found

    def __deepcopy__(self, memo: dict[int, Any]) -> JaxLayer:
        """A copy that holds its own tensors; graphs that they are in are shared."""
        twin = JaxLayer.__new__(JaxLayer)
        memo[id(self)] = twin
        twin.__dict__.update(self.__dict__)
        parameters = copy.deepcopy(self._parameters, memo)
        buffers = {name: memo.get(id(t), t.clone()) for name, t in self.named_buffers()}
        twin.__dict__.update(_parameters=parameters, _buffers=buffers)
        return twin

    def __reduce__(self) -> Any:
        raise NotImplementedError("a JAX layer is not pickled by torch")


@dataclass(frozen=True)
class _Call:
    """The layer's function from flat tuples to flat tuples: (x, floats) and the rest, to (outputs,
    floating state) and the rest of the state."""

    pure: Pure
    form: Any
    leaves: tuple[_Leaf, ...]
    key: tuple[Settings, Settings, bool | None]

    def __call__(self, floats: Any, rest: Any) -> tuple[Any, Any]:
        import jax
        import jax.numpy as jnp

        x, *others = floats
        given = {True: iter(others), False: iter(rest)}
        arrays = [next(given[leaf.is_float]) for leaf in self.leaves]
        arrays = [
            a if leaf.key is None else jax.random.wrap_key_data(a, impl=leaf.key)
            for a, leaf in zip(arrays, self.leaves, strict=True)
        ]
        parameters, state = jax.tree_util.tree_unflatten(self.form, arrays)
        if self.pure.channels_last:
            x = jnp.moveaxis(x, 1, -1)
        outputs, changed = self.pure.call(parameters, state, x, *self.key)
        if self.pure.channels_last:
            outputs = jnp.moveaxis(outputs, -1, 1)
        of_state = [leaf for leaf in self.leaves if leaf.is_state]
        found: dict[bool, list[Any]] = {True: [], False: []}
        for leaf, array in zip(of_state, jax.tree.leaves(changed), strict=True):
            found[leaf.is_float].append(array if leaf.key is None else jax.random.key_data(array))
        return (outputs, *found[True]), tuple(found[False])


def _taken_apart(layer: Any, library: str, channels: int, spatial: tuple[int, ...]) -> Pure:
    """The layer as a pure function, kept for as long as the layer is: it is never changed."""
    kept = _PURE.setdefault(id(layer), (layer, {}))[1]
    if (channels, spatial) not in kept:
        of = importlib.import_module(f"tnverify.subjects.jax.{_MODULES[library]}")
        kept[channels, spatial] = of.pure(layer, channels, spatial)
    while len(_PURE) > _KEPT:
        del _PURE[next(iter(_PURE))]
    return kept[channels, spatial]


@lru_cache(maxsize=256)
def _function(call: _Call) -> JaxFunction:
    """One function for all layers that are alike: JAX compiles it once for every shape."""
    return JaxFunction(call)


def _word(key: Any) -> str:
    """A step of a path in a tree of arrays, as a word."""
    for name in ("key", "name", "idx"):
        if hasattr(key, name):
            return str(getattr(key, name))
    return str(key)
