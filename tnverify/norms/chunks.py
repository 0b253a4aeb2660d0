"""Contexts too large for memory: conditioned part by part, as if on the whole.

Moments of parts merge by their counts, means and centred sums, in a dtype wider than that of
the activations, so they are those of the whole within rounding; and so are their gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.norms.network_pass import PassOverPart, Reached, passing
from tnverify.norms.state import merged

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from tnverify.norms.layer import Layer
    from tnverify.norms.network import NetworkState, TaskNetwork
    from tnverify.norms.state import ContextState, EmptyState


def state_of_chunks(layer: Layer, chunks: Iterable[Tensor]) -> ContextState | EmptyState:
    """The task state of the context whose parts these are, each (items, channels, *spatial).

    Only one part need be in memory at a time, and parts may be of any sizes, none among them.
    Outputs for the context's items are `layer.of_context(part, state)`. Raises ValueError for a
    context without items.
    """
    state: ContextState | EmptyState | None = None
    for chunk in chunks:
        if len(chunk):
            part = layer.summarized(chunk)
            state = part if state is None else merged(state, part)
    if state is None:
        raise ValueError("the context has no items in any of its chunks: pass at least one")
    return state


def condition_in_chunks(
    network: TaskNetwork, chunks: Sequence[Any]
) -> tuple[list[Any], NetworkState]:
    """The network's outputs for each part of a context, and the task state of the whole.

    The same as `network.condition` on the whole, for parts that are not empty. A layer's state
    needs the outputs of all parts of the layers before it, so every part passes once for each
    layer, up to that layer: with n layers it costs about (n + 1) / 2 forwards. Without
    gradients one part is in memory at a time; with them, the graphs of all are.
    """
    if not chunks:
        raise ValueError("the context has no chunks: pass at least one")
    known: NetworkState = {}
    names = network.layer_names()
    while True:
        outputs = []
        reached: Reached | None = None
        for chunk in chunks:
            try:
                with passing(PassOverPart(names, known)):
                    outputs.append(network.network(chunk))
            except Reached as part:
                if reached is not None and reached.key != part.key:
                    raise RuntimeError(
                        f"one chunk called layer {reached.key!r} where another called"
                        f" {part.key!r}: a network conditioned in chunks calls its layers in one"
                        " order"
                    ) from None
                whole = part.state if reached is None else merged(reached.state, part.state)
                reached = Reached(part.key, whole)
        if reached is None:
            return outputs, known
        known[reached.key] = reached.state
