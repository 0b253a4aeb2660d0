"""Layers that satisfy the protocol themselves: the task state goes out and comes back in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, set_mode

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract.norm import Norm
    from tnverify.subjects.trial import Trial


class ExplicitState:
    """Passes both calls on. A layer with modes is in eval except while it observes."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        set_mode(layer, training=False)

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        return self.layer.condition(context)  # type: ignore[no-any-return]  # checked by the probe

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return self.layer.normalize(targets, state)  # type: ignore[no-any-return]  # as above


class ExplicitStateObserver(ExplicitState):
    """The same for a layer that has a meta-training step of its own."""

    _training = False

    def observe(self, context: Tensor, targets: Tensor) -> tuple[Tensor, Tensor] | None:
        self._switch(training=True)
        return self.layer.observe(context, targets)  # type: ignore[no-any-return]  # as above

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        self._switch(training=False)
        return super().condition(context)

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        self._switch(training=False)
        return super().normalize(targets, state)

    def rest(self) -> None:
        """Put the layer in the mode in which it meets tasks, once its past is over."""
        self._switch(training=False)

    def _switch(self, *, training: bool) -> None:
        # Where it changes, and no sooner: a training step ends with its backward pass.
        if self._training is not training:
            set_mode(self.layer, training=training)
            self._training = training


def wrap(layer: Any) -> Norm:
    """The layer itself behind both calls, and behind `observe` where it has one."""
    return (ExplicitStateObserver if hasattr(layer, "observe") else ExplicitState)(layer)


def recognise(trial: Trial) -> Evidence | None:
    """It has both methods of the protocol."""
    layer = trial.layer
    if callable(getattr(layer, "condition", None)) and callable(getattr(layer, "normalize", None)):
        return Evidence(EXPLICIT_STATE, Strength.WHOLE, "it has condition and normalize")
    return None


EXPLICIT_STATE = Adapter(
    "explicit_state",
    "condition(context) -> (outputs, state); normalize(targets, state) -> outputs",
    wrap,
    recognise=recognise,
)
