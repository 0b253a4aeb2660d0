"""Layers that eval() makes independent of whatever train() does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, set_mode
from tnverify.subjects.adapters.frozen import AS_BUILT
from tnverify.subjects.movement import movement

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.subjects.trial import Trial


class InEval:
    """Calls eval() once and train() never: what train() does leaves no trace."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        set_mode(layer, training=False)

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self.layer(context), None

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return self.layer(targets)  # type: ignore[no-any-return]  # checked by the probe


def recognise(trial: Trial) -> Evidence | None:
    """In eval() it answers as if train() had never been called, and otherwise than in train()."""
    moved = movement(trial)
    if not moved.answers or moved.needs_context or moved.built_so:
        return None
    if moved.conditioned or moved.counts or moved.same_in_both:
        return None
    if moved.train_raises:
        said = "it answers in eval() and raises in train()"
        caution = "In train(), as it was built, it raises on ordinary input: verified in eval()."
        return Evidence(IN_EVAL, Strength.MEASURED, said, (caution,))
    said = "eval() answers as if train() had never been called"
    return Evidence(IN_EVAL, Strength.MEASURED, said, AS_BUILT if moved.reads_others else ())


IN_EVAL = Adapter(
    "in_eval",
    "eval() once, then one call: layers on which train() leaves no trace",
    InEval,
    recognise=recognise,
)
