"""A pass of a whole network over one set: how its layers learn what the pass is about."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import torch

from tnverify.norms.state import NotConditionedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from tnverify.norms.layer import Layer
    from tnverify.norms.state import ContextState, EmptyState


class Pass:
    """One forward of a network over a context or over targets.

    `names` maps each layer's identity to its name in the network. `given` is the task state of
    a pass over targets, None for one over a context, whose state collects in `left`. A layer
    that is called more than once has a state for each call, in order.
    """

    def __init__(self, names: Mapping[int, str], given: Mapping[str, object] | None) -> None:
        self.names, self.given = names, given
        self.left: dict[str, object] = {}
        self.calls: dict[str, int] = {}

    def call(self, layer: Layer, x: Tensor) -> Tensor:
        """The layer's outputs for `x`, conditioning it or reading the state given."""
        name = self.names.get(id(layer))
        if name is None:
            raise RuntimeError(
                f"a {type(layer).__name__} that is no part of the network was called during its"
                " pass: register it in the network"
            )
        call = self.calls.get(name, 0)
        self.calls[name] = call + 1
        return self.called(layer, x, name if call == 0 else f"{name}#{call + 1}")

    def called(self, layer: Layer, x: Tensor, key: str) -> Tensor:
        """The layer's outputs for `x` in the call that `key` names."""
        if self.given is None:
            outputs, self.left[key] = layer.condition(x)
            return outputs
        if key not in self.given:
            raise NotConditionedError(
                f"the task state has nothing for {key!r}, a layer and its call: pass the state"
                " that conditioning this network returned, and let it call its layers as often"
                " for targets as for a context"
            )
        return layer.normalize(x, self.given[key])


class Reached(BaseException):
    """A pass over a part of a context came to a layer whose state is not known yet.

    No network may catch it by catching what is an error, so it is none.
    """

    def __init__(self, key: str, state: ContextState | EmptyState) -> None:
        super().__init__(key)
        self.key, self.state = key, state


class PassOverPart(Pass):
    """One forward over a part of a context, as far as the states of the whole are known."""

    def __init__(self, names: Mapping[int, str], known: Mapping[str, object]) -> None:
        super().__init__(names, None)
        self.known = known

    def called(self, layer: Layer, x: Tensor, key: str) -> Tensor:
        if key not in self.known:
            raise Reached(key, layer.summarized(x))
        return layer.of_context(x, self.known[key])


_current: ContextVar[Pass | None] = ContextVar("tnverify_network_pass", default=None)
# torch.compile cannot trace context variables. While it traces, passes lie on this stack; the
# compiled code knows the layers of its passes and reads neither.
_traced: list[Pass] = []


@contextmanager
def passing(over: Pass) -> Iterator[Pass]:
    """Let layers called inside, in this thread or task alone, take part in this pass."""
    if torch.compiler.is_compiling():
        _traced.append(over)
        try:
            yield over
        finally:
            _traced.pop()
    else:
        token = _current.set(over)
        try:
            yield over
        finally:
            _current.reset(token)


def current_pass(layer: Layer) -> Pass:
    """The pass that is under way; raises RuntimeError outside of one."""
    if torch.compiler.is_compiling():
        over = _traced[-1] if _traced else None
    else:
        over = _current.get()
    if over is None:
        raise RuntimeError(
            f"{type(layer).__name__} was called outside of a pass, so it cannot know whether its"
            " input is a context or targets: wrap the network in TaskNetwork, or call the"
            " layer's own condition and normalize"
        )
    return over
