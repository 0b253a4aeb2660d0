"""Layers that return their moments from one call and take them in the next."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters.base import Adapter, AdapterError, Evidence, Strength, set_mode
from tnverify.subjects.adapters.signature import call_parameters, required, side_parameters
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.subjects.trial import Trial


class HandedMoments:
    """`layer(context) -> (outputs, *moments)`, then `layer(targets, *moments)`.

    What the second call returns beside its outputs is dropped: the moments handed on are
    always those of the context.
    """

    _conditions_in_train = False

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        set_mode(layer, training=False)

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        if self._conditions_in_train:
            set_mode(self.layer, training=True)
        answer = self.layer(context, **_nothing_yet(self.layer))
        if self._conditions_in_train:
            set_mode(self.layer, training=False)
        if not isinstance(answer, tuple | list) or len(answer) < 2:
            raise AdapterError(
                "the adapter handed_moments wants (outputs, moments) from layer(context), not a"
                f" {type(answer).__name__}"
            )
        return answer[0], tuple(answer[1:])

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        if not isinstance(state, tuple):
            raise AdapterError("handed_moments: no moments were handed on: condition first")
        places, names = _handed_on(self.layer, state)
        answer = self.layer(targets, *places, **names)
        outputs: Tensor = answer[0] if isinstance(answer, tuple | list) else answer
        return outputs


class HandedInTrain(HandedMoments):
    """The same for a layer that returns its moments in train() alone."""

    _conditions_in_train = True


def _nothing_yet(layer: Any) -> dict[str, None]:
    """None for all that a call wants beside its input: no moments are there yet."""
    return dict.fromkeys(required(side_parameters(layer)))


def _handed_on(layer: Any, state: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The moments by place, or by name where the call takes them so alone."""
    parameters = side_parameters(layer)
    by_name = [p.name for p in parameters.values() if p.kind is p.KEYWORD_ONLY]
    if getattr(layer, "bound_names", ()):
        # What is bound may stand before them: they go by their names.
        by_name = [p.name for p in parameters.values() if p.kind is not p.POSITIONAL_ONLY]
    elif len(by_name) < len(parameters):
        return state, {}
    return ((), dict(zip(by_name, state, strict=False))) if by_name else (state, {})


def recognise(trial: Trial) -> Evidence | None:
    """A call returns outputs and more, and takes the rest with the next call."""
    if not callable(trial.layer):
        return None
    if not trial.parameters and not _takes_any(trial.layer):
        return None
    for adapter in (HANDED_MOMENTS, HANDED_IN_TRAIN):
        try:
            answer = trial.run(partial(handed_over, adapter, trial))
        except (SubjectRaised, Unusable):
            return None
        if isinstance(answer, torch.Tensor):
            said = "its call returns outputs and moments, and takes the moments back"
            return Evidence(adapter, Strength.NAMED, said)
    return None


def handed_over(adapter: Adapter, trial: Trial, layer: Any) -> Any:
    """The target outputs after a context's moments were handed over."""
    norm = adapter.wrap(layer)
    _, state = norm.condition(trial.contexts[0].clone())
    return norm.normalize(trial.targets.clone(), state)


def _takes_any(layer: Any) -> bool:
    found = call_parameters(layer)
    return not found or any(p.kind is p.VAR_POSITIONAL for p in found)


HANDED_MOMENTS = Adapter(
    "handed_moments",
    "layer(context) -> (outputs, moments); layer(targets, moments) -> outputs",
    HandedMoments,
    recognise=recognise,
)
HANDED_IN_TRAIN = Adapter(
    "handed_in_train",
    "the same in train() and eval(): layers that return their moments in train() alone",
    HandedInTrain,
)
