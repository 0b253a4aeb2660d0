"""What moves when a layer with train() and eval() is called: how its conventions are told apart.

Answers in eval() after train() calls on other contexts tell whether they depend on the last
context alone, on those before it as well, or on none; sizes of contexts and momenta do not enter.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters import words
from tnverify.subjects.adapters.base import set_mode
from tnverify.subjects.adapters.signature import bare_layer, required
from tnverify.subjects.spec import Unusable
from tnverify.subjects.trial import distance, same

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.subjects.trial import Trial


@dataclass(frozen=True, slots=True)
class Movement:
    """What was seen of a layer that is called with its input alone."""

    answers: bool
    """Whether eval() answers with a tensor, before or after a context."""
    needs_context: bool = False
    """Whether eval() raises before any context, and answers after one."""
    train_raises: bool = False
    conditioned: bool = False
    """Whether an answer in eval() depends on what train() saw."""
    counts: bool = False
    """Whether an answer in eval() depends on whether train() was called, not on what it saw."""
    moving: tuple[str, ...] = ()
    """The buffers that train() moves then."""
    kept: float = 0.0
    """What a context before the last moves, in parts of what the last one moves."""
    same_in_both: bool = False
    """Whether train() and eval() answer alike to the same set."""
    keeps_buffers: bool = False
    """Whether what train() saw lies in buffers, as running moments do."""
    named_so: bool = False
    """Whether the layer's own names speak of running moments, or of a momentum below one."""
    built_so: bool = False
    """Whether it was built with eval() called, of it or of a part: it is meant to stay so."""
    reads_others: bool = False
    """Whether outputs read the other items, as the layer was built."""
    blends: bool = False
    """Whether outputs as built read what train() saw before, too."""

    @property
    def is_still(self) -> bool:
        """Whether neither the mode nor any call before changes an answer."""
        changed = self.conditioned or self.counts or self.train_raises or self.needs_context
        return self.answers and self.same_in_both and not changed


def movement(trial: Trial) -> Movement:
    """What moves in a trial; nothing answers where the call wants more than its input.

    Where nothing moves at initial values, as behind a gain that starts at zero, it is tried with
    parameters such as training leaves.
    """
    if "movement" not in trial.memo:
        found = _found(trial)
        if found.is_still:
            trained = _found(replace(trial, trained=True, memo={}))
            found = trained if trained.answers else found
        trial.memo["movement"] = found
    kept: Movement = trial.memo["movement"]
    return kept


def _found(trial: Trial) -> Movement:
    if not callable(trial.layer) or required(trial.parameters):
        return Movement(False)
    try:
        rank_is_known = trial.rank is not None
    except Unusable:
        rank_is_known = False
    return _measured(trial) if rank_is_known else Movement(False)


def _measured(trial: Trial) -> Movement:
    first, second, third = trial.contexts
    try:
        before, after = _answer(trial), _answer(trial, first)
        built = trial.run(partial(_called, trial.targets))
        if not isinstance(before, torch.Tensor) and not isinstance(after, torch.Tensor):
            return Movement(False)
        reads_others = _reads_others(trial, built)
        # A switch of its own is not what the layer was built with: it is set for every call.
        switched = bool({"option", "set_mode", "taught"} & set(trial.parts))
        found: dict[str, Any] = {
            "reads_others": reads_others and not switched,
            "built_so": _built_in_eval(bare_layer(trial.layer)) and not switched,
            "needs_context": isinstance(before, SubjectRaised),
            "train_raises": isinstance(after, SubjectRaised),
            "same_in_both": same(before, built),
        }
        if found["train_raises"]:
            return Movement(True, **found)
        others = (_answer(trial, second), _answer(trial, third))
        if all(same(after, other) for other in others):
            counts = not same(before, after)
            return Movement(True, counts=counts, moving=_moving(trial) if counts else (), **found)
        kept = _kept(trial)
        in_last = _in_training(trial, first, second)
        found["same_in_both"] = same(in_last, _answer(trial, first, second, targets=second))
        blends = not same(in_last, _in_training(trial, third, second))
        return Movement(
            True,
            conditioned=True,
            kept=kept,
            keeps_buffers=_keeps_buffers(trial),
            named_so=_is_named_running(bare_layer(trial.layer)),
            blends=blends,
            **found,
        )
    except SubjectRaised:
        return Movement(False)


def _built_in_eval(layer: Any) -> bool:
    if isinstance(layer, torch.nn.Module):
        return not all(part.training for part in layer.modules())
    return getattr(layer, "training", True) is False


def _is_named_running(layer: Any) -> bool:
    """Whether an attribute of a layer, or of a part, is a momentum below one, or is named as
    running moments are."""
    parts = layer.modules() if isinstance(layer, torch.nn.Module) else (layer,)
    for part in parts:
        held = [*getattr(part, "_buffers", ()), *getattr(part, "__dict__", ())]
        if any(set(name.lower().split("_")) & words.RUNNING for name in held):
            return True
        for name in words.MOMENTA:
            value = getattr(part, name, None)
            if isinstance(value, float) and 0 < value < 1:
                return True
    return False


def _answer(trial: Trial, *contexts: Tensor, targets: Tensor | None = None) -> Any:
    """The answer in eval() after train() calls on contexts."""

    def script(layer: Any) -> Any:
        if contexts:
            set_mode(layer, training=True)
        for context in contexts:
            layer(context.clone())
        set_mode(layer, training=False)
        return layer((trial.targets if targets is None else targets).clone())

    return trial.run(script)


def _in_training(trial: Trial, before: Tensor, last: Tensor) -> Any:
    """The answer of train() to a set, after another."""

    def script(layer: Any) -> Any:
        set_mode(layer, training=True)
        layer(before.clone())
        return layer(last.clone())

    return trial.run(script)


def _kept(trial: Trial) -> float:
    """How much a context moves in the place before the last, in parts of what it moves there.

    A moving average keeps (1 - momentum); whoever keeps the last context alone keeps nothing.
    """
    first, second, third = trial.contexts
    found = 0.0
    for a, b, last in ((first, third, second), (second, third, first), (first, second, third)):
        early = (_answer(trial, a, last), _answer(trial, b, last))
        late = (_answer(trial, last, a), _answer(trial, last, b))
        if not all(isinstance(x, torch.Tensor) for x in (*early, *late)) or same(*early):
            continue
        found = max(found, distance(*early) / (distance(*late) or 1.0))
    return found


def _called(x: Tensor, layer: Any) -> Any:
    return layer(x.clone())


def reads_others_in_eval(trial: Trial) -> bool:
    """Whether outputs of a fresh layer read the other items once eval() was called."""
    return _reads_others(trial, trial.run(partial(_called_in_eval, trial.targets)), _called_in_eval)


def _called_in_eval(x: Tensor, layer: Any) -> Any:
    set_mode(layer, training=False)
    return layer(x.clone())


def _reads_others(trial: Trial, built: Any, call: Callable[[Tensor, Any], Any] = _called) -> bool:
    """Whether the first output, or the last, changes with the other items."""
    if not isinstance(built, torch.Tensor) or built.dim() == 0:
        return False
    for row in (0, len(trial.targets) - 1):
        other = trial.targets.clone() * 3 + 2
        other[row] = trial.targets[row]
        answer = trial.run(partial(call, other))
        if isinstance(answer, torch.Tensor) and not same(built[row], answer[row]):
            return True
    return False


def _keeps_buffers(trial: Trial) -> bool:
    one, other = (_buffers(trial, context) for context in trial.contexts[:2])
    return any(not same(value, other[name]) for name, value in one.items() if name in other)


def _moving(trial: Trial) -> tuple[str, ...]:
    """The buffers that a call in train() moves."""
    before, after = _buffers(trial), _buffers(trial, trial.contexts[0])
    return tuple(n for n, value in after.items() if n in before and not same(value, before[n]))


def _buffers(trial: Trial, *contexts: Tensor) -> dict[str, Tensor]:
    """The floating buffers of a layer after train() calls on contexts; none where it raises."""

    def script(layer: Any) -> Any:
        set_mode(layer, training=True)
        for context in contexts:
            layer(context.clone())
        bare = bare_layer(layer)
        if not isinstance(bare, torch.nn.Module):
            return {}
        named = bare.named_buffers()
        return {name: b.detach().clone() for name, b in named if b.is_floating_point()}

    found = trial.run(script)
    return {} if isinstance(found, SubjectRaised) else found
