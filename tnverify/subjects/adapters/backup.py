"""Layers whose statistics are backed up before a task and restored behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.frozen import FROZEN
from tnverify.subjects.adapters.mode_flag import MODE_FLAG
from tnverify.subjects.adapters.set_mode import own_methods
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract.norm import Norm
    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_KEEP = ("backup", "back_up", "save", "store", "snapshot", "stash", "push", "remember")
_RETURN = ("restore", "reset", "recover", "rollback", "roll_back", "pop", "revert", "reload")


class BackedUp:
    """Backs up before a task is conditioned on, and restores before the next one, or training."""

    def __init__(self, layer: Any, norm: Norm, methods: tuple[str, str]) -> None:
        self.layer, self.norm = layer, norm
        self.keep, self.back = methods
        self._kept: tuple[Any] | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        self._restore()
        self._kept = (getattr(self.layer, self.keep)(),)
        return self.norm.condition(context)

    def normalize(self, targets: Tensor, state: object) -> Tensor:
        return self.norm.normalize(targets, state)

    def _restore(self) -> None:
        if self._kept is None:
            return
        (kept,), self._kept = self._kept, None
        method = getattr(self.layer, self.back)
        method() if kept is None else method(kept)


class BackedUpObserver(BackedUp):
    """The same for a layer that learns something in meta-training."""

    def observe(self, context: Tensor, targets: Tensor) -> None:
        self._restore()
        self.norm.observe(context, targets)  # type: ignore[attr-defined]  # see _around


def _around(text: str) -> Around:
    keep, back = text.split(",")

    def wrapped(layer: Any, norm: Norm) -> Norm:
        kind = BackedUpObserver if hasattr(norm, "observe") else BackedUp
        return kind(layer, norm, (keep, back))

    return lambda wrap: lambda layer: wrapped(layer, wrap(layer))


def _pairs(layer: Any) -> list[tuple[str, str]]:
    keeping = [n for n in own_methods(layer, 0) if n.startswith(_KEEP)]
    giving = [n for n in {*own_methods(layer, 0), *own_methods(layer, 1)} if n.startswith(_RETURN)]
    return [(k, g) for k in keeping[:3] for g in sorted(giving)[:3]]


def recognise(trial: Trial) -> Evidence | None:
    """One of its methods backs statistics up, another restores them, and a trial shows it."""
    if not callable(trial.layer):
        return None
    for keep, back in _pairs(trial.layer):
        inner = trial.ask(trial.through("backup", lambda layer: layer))
        if inner is None or inner.strength is Strength.LAST_RESORT:
            return None
        text = f"{keep},{back}"
        found = around(BACKUP, text, _conditioned(trial, inner.adapter))
        if _restores(trial, found):
            said = f"{keep}() before a task and {back}() behind it; {inner.sentence}"
            return Evidence(found, Strength.NAMED, said, inner.cautions)
    return None


def _conditioned(trial: Trial, inner: Adapter) -> Adapter:
    """Running moments that are backed up are meant to move with a task's context, unless a claim
    says otherwise."""
    claimed = trial.declared is not None and trial.declared.scheme.reads_past
    return MODE_FLAG if inner is FROZEN and not claimed else inner


def _restores(trial: Trial, adapter: Adapter) -> bool:
    """Whether both methods can be called around a task, twice."""

    def script(layer: Any) -> Any:
        norm = adapter.wrap(layer)
        answer = None
        for context in trial.contexts[:2]:
            _, state = norm.condition(context.clone())
            answer = norm.normalize(trial.targets.clone(), state)
        return answer

    try:
        answer = trial.run(script)
    except (SubjectRaised, Unusable):
        return False
    return isinstance(answer, torch.Tensor)


BACKUP = Adapter(
    "backup",
    "statistics kept over a task: backup[backup_stats,restore_stats]+mode_flag calls one before a"
    " task, the other behind it",
    needs_inner("backup"),
    recognise=recognise,
    around=_around,
)
