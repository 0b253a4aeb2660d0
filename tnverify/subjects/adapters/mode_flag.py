"""Layers whose train() pass over the context conditions them and whose eval() pass predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, set_mode
from tnverify.subjects.movement import movement

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.subjects.trial import Trial


class ModeFlag:
    """The task state is the live layer: nothing here conditions it a second time.

    The flag is set only where it changes, as a user's test loop does; setting it before every
    call would hide what a layer does between them.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self._training: bool | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        self._switch(training=True)
        return self.layer(context), self.layer

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        self._switch(training=False)
        return self.layer(targets)  # type: ignore[no-any-return]  # checked by the probe

    def _switch(self, *, training: bool) -> None:
        if self._training is not training:
            set_mode(self.layer, training=training)
            self._training = training


_AVERAGES = (
    "Contexts before the last move its answers too, as a moving average does, so each task was held"
    " to forget the one before: --adapter frozen takes train() calls for meta-training instead."
)
"""The caution on a layer that wants a context, and may average them."""


def recognise(trial: Trial) -> Evidence | None:
    """Targets are answered by the last context: it alone, or it needs one, or all but a trace."""
    moved = movement(trial)
    if not (moved.answers and moved.conditioned):
        return None
    if moved.built_so and not moved.needs_context:
        said = "eval() of all its parts answers by what train() of all of them saw"
        averages = moved.kept >= 0.5 or moved.named_so
        return Evidence(MODE_FLAG, Strength.POSSIBLE if averages else Strength.NEARLY, said)
    if not moved.kept:
        said = "eval() answers by the context that train() saw last, and by nothing before it"
        return Evidence(MODE_FLAG, Strength.MEASURED, said)
    if moved.needs_context:
        said = "eval() answers after a train() call on a context alone"
        return Evidence(MODE_FLAG, Strength.MEASURED, said, (_AVERAGES,))
    is_one = moved.same_in_both or not moved.keeps_buffers
    if moved.kept < 0.5 and is_one and not moved.named_so:
        said = "eval() answers by the context that train() saw last, and by a trace of those before"
        return Evidence(MODE_FLAG, Strength.MEASURED, said)
    strength = Strength.NEARLY if moved.kept < 0.5 else Strength.POSSIBLE
    return Evidence(MODE_FLAG, strength, "eval() answers by what train() saw")


MODE_FLAG = Adapter(
    "mode_flag",
    "train() and a call on the context condition; eval() and a call predict",
    ModeFlag,
    live_state=True,
    recognise=recognise,
)
