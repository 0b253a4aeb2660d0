"""Layers whose call returns more than outputs: a tuple, or a dict, of which one is meant."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.handed import recognise as hands_moments
from tnverify.subjects.adapters.signature import BoundCall, required
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial


class OneOfOutputs(BoundCall):
    """Takes one of what a call returns, by its place or its name."""

    def __init__(self, layer: Any, key: int | str) -> None:
        super().__init__(layer)
        self.key = key

    def answer(self, x: Any, more: tuple[Any, ...], given: dict[str, Any]) -> Any:
        answer = self.layer(x, *more, **given)
        # In another mode, or with another option, it may return outputs alone.
        return answer if isinstance(answer, torch.Tensor) else answer[self.key]


def _around(text: str) -> Around:
    key = ast.literal_eval(text)
    return lambda wrap: lambda layer: wrap(OneOfOutputs(layer, key))


def recognise(trial: Trial) -> Evidence | None:
    """It returns several things, of which one has the shape of its input."""
    if not callable(trial.layer) or required(trial.parameters):
        return None
    try:
        answer = trial.run(lambda layer: layer(trial.contexts[0].clone()))
    except (SubjectRaised, Unusable):
        return None
    key = _of_shape(answer, trial.contexts[0].shape)
    if key is None or hands_moments(trial) is not None:
        return None
    inner = trial.ask(trial.through("outputs", partial(OneOfOutputs, key=key)))
    if inner is None or inner.strength is Strength.LAST_RESORT:
        return None
    said = f"its call returns a {type(answer).__name__}, of which {key!r} is verified"
    caution = f"Its call returns a {type(answer).__name__}: what it returns beside {key!r} was not"
    cautions = (*inner.cautions, f"{caution} verified.")
    sentence = f"{said}; {inner.sentence}"
    return Evidence(around(OUTPUTS, repr(key), inner.adapter), Strength.NAMED, sentence, cautions)


def _of_shape(answer: Any, shape: torch.Size) -> int | str | None:
    """The first place, or name, of a tensor of this shape; None where there is none."""
    if isinstance(answer, dict):
        items: Any = answer.items()
    else:
        items = enumerate(answer) if isinstance(answer, tuple | list) else ()
    fits = (k for k, v in items if isinstance(v, torch.Tensor) and v.shape == shape)
    return next((key for key in fits if isinstance(key, int | str)), None)


OUTPUTS = Adapter(
    "outputs",
    "one of several things that a call returns, by place or name: outputs[0]+mode_flag",
    needs_inner("outputs"),
    recognise=recognise,
    around=_around,
)
