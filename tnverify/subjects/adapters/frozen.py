"""Layers that meet tasks in eval mode with what meta-training left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, set_mode
from tnverify.subjects.movement import movement, reads_others_in_eval

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.subjects.trial import Trial


class Frozen:
    """A train() call on each set is a meta-training step; at meta-test the layer stays in eval.

    The mode is set where it changes: a training step ends with its backward pass, which must not
    find the layer in eval, for some run their forward pass again there.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self._training = False
        set_mode(layer, training=False)

    def observe(self, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        self._switch(training=True)
        return self.layer(context), self.layer(targets)

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        self._switch(training=False)
        return self.layer(context), None

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        self._switch(training=False)
        return self.layer(targets)  # type: ignore[no-any-return]  # checked by the probe

    def rest(self) -> None:
        """Put the layer in the mode in which it meets tasks, once its past is over."""
        self._switch(training=False)

    def _switch(self, *, training: bool) -> None:
        if self._training is not training:
            set_mode(self.layer, training=training)
            self._training = training


def recognise(trial: Trial) -> Evidence | None:
    """What train() saw before the last context still shows in eval(), as in a moving average."""
    moved = movement(trial)
    if not moved.answers or moved.needs_context or moved.built_so or moved.train_raises:
        return None
    if moved.counts:
        said = "eval() answers otherwise once train() was called, whatever it saw"
        if moved.moving:
            said += f": each call moves {', '.join(moved.moving[:3])}"
        return Evidence(FROZEN, Strength.MEASURED, said)
    if not moved.conditioned:
        return None
    apart = moved.reads_others and moved.blends and not reads_others_in_eval(trial)
    built = AS_BUILT if apart else ()
    said = "eval() answers by what every train() call left, as a moving average does"
    learns = moved.named_so or (moved.keeps_buffers and not moved.same_in_both)
    if moved.kept >= 0.5 or (moved.kept and learns):
        return Evidence(FROZEN, Strength.MEASURED, said, built)
    return Evidence(FROZEN, Strength.NEARLY, "eval() answers by what train() left", built)


_SAID = (
    "As built (in train(), before eval() is called) its outputs read other targets; it was verified"
    " in eval(), --adapter no_context verifies it as built."
)
AS_BUILT = (_SAID,)
"""The caution on a layer that its users may never put in eval()."""

FROZEN = Adapter(
    "frozen",
    "train() calls are meta-training steps; context and targets are seen in eval()",
    Frozen,
    recognise=recognise,
)
