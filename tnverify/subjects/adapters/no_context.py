"""Layers that are simply called, on the context as on the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters.base import Adapter, Evidence, Strength
from tnverify.subjects.adapters.signature import required
from tnverify.subjects.movement import movement

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.subjects.trial import Trial


class NoContext:
    """Calls the layer in the mode that it was built in: no flag is touched.

    A torch layer is built in training mode, so a batch norm behind this adapter is one that is
    always training.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self.layer(context), None

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return self.layer(targets)  # type: ignore[no-any-return]  # checked by the probe


def recognise(trial: Trial) -> Evidence | None:
    """It answers alike in train() and eval(), or was built in eval() and answers there."""
    if not callable(trial.layer) or required(trial.parameters):
        return None
    moved = movement(trial)
    if not moved.answers:
        return Evidence(NO_CONTEXT, Strength.LAST_RESORT, "no convention is seen in its answers")
    if moved.built_so and not moved.needs_context:
        caution = "Built with eval() called, it was verified so; train() was never called."
        if moved.conditioned:
            caution += " Its answers change once it is: --adapter frozen calls it."
        said = "it was built in eval() and answers there"
        return Evidence(NO_CONTEXT, Strength.MEASURED, said, (caution,))
    if moved.same_in_both and not moved.conditioned and not moved.counts:
        said = "it answers alike in train() and eval(), whatever it saw before"
        return Evidence(NO_CONTEXT, Strength.MEASURED, said)
    if not moved.train_raises and not moved.needs_context:
        said = "one call answers as it was built"
        return Evidence(NO_CONTEXT, Strength.POSSIBLE, said)
    return None


NO_CONTEXT = Adapter(
    "no_context",
    "one call, as built: stateless layers, and those that always use the batch",
    NoContext,
    recognise=recognise,
)
