"""Layers whose statistics are backed up before a task and restored behind it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters.base import Adapter, Evidence, Strength, around, needs_inner
from tnverify.subjects.adapters.frozen import FROZEN
from tnverify.subjects.adapters.mode_flag import MODE_FLAG
from tnverify.subjects.adapters.set_mode import own_methods
from tnverify.subjects.spec import Unusable
from tnverify.subjects.trial import same

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from tnverify.contract.norm import Norm
    from tnverify.subjects.adapters.base import Around
    from tnverify.subjects.trial import Trial

_KEEP = ("backup", "back_up", "save", "store", "snapshot", "stash", "push", "remember")
_RETURN = (
    "restore", "reset", "recover", "rollback", "roll_back", "pop", "revert", "reload", "load",
    "undo", "put_back", "unstash",
)  # fmt: skip
_FORGET = ("reset", "clear", "forget", "flush", "new_", "begin_", "start_", "init_")
"""Methods that begin a task anew, without one that kept anything."""
_TASK = frozenset(("task", "episode", "context", "support", "adaptation", "set"))
_KEPT = frozenset(("stats", "statistics", "state", "moments", "cache", "buffers", "memory"))


class BackedUp:
    """Backs up before a task is conditioned on, and restores before the next one, or training. A
    layer that keeps nothing is put back by one method before every task."""

    def __init__(self, layer: Any, norm: Norm, methods: tuple[str | None, str]) -> None:
        self.layer, self.norm = layer, norm
        self.keep, self.back = methods
        self._kept: tuple[Any] | None = None

    def condition(self, context: Tensor) -> tuple[Tensor, object]:
        self._restore()
        if self.keep is None:
            getattr(self.layer, self.back)()
        else:
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
    first, _, second = text.partition(",")
    methods = (first, second) if second else (None, first)

    def wrapped(layer: Any, norm: Norm) -> Norm:
        kind = BackedUpObserver if hasattr(norm, "observe") else BackedUp
        return kind(layer, norm, methods)

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
    return _begun_anew(trial)


def _begun_anew(trial: Trial) -> Evidence | None:
    """Evidence where one method, before a task, makes it forget the one before."""
    names = [n for n in own_methods(trial.layer, 0) if n.startswith(_FORGET)]
    names = [n for n in names if n in _FORGET or set(n.split("_")) & (_TASK | _KEPT)]
    if not names:
        return None
    inner = trial.ask(trial.through("backup", lambda layer: layer))
    if inner is None or inner.strength is Strength.LAST_RESORT:
        return None
    for name in names[:3]:
        convention = inner.adapter
        if set(name.split("_")) & _TASK:
            convention = _conditioned(trial, convention)
        elif convention is FROZEN:
            continue  # what meta-training left would be lost
        found = around(BACKUP, name, convention)
        if _forgets(trial, found) and not _forgets(trial, convention):
            said = f"{name}() before a task; {inner.sentence}"
            return Evidence(found, Strength.NAMED, said)
    return None


def _forgets(trial: Trial, adapter: Adapter) -> bool:
    """Whether a task is answered alike with and without another before it."""

    def script(contexts: Sequence[Tensor], layer: Any) -> Any:
        norm = adapter.wrap(layer)
        answer = None
        for context in contexts:
            _, state = norm.condition(context.clone())
            answer = norm.normalize(trial.targets.clone(), state)
        return answer

    first, second, _ = trial.contexts
    try:
        return same(
            trial.run(partial(script, (second,))), trial.run(partial(script, (first, second)))
        )
    except (SubjectRaised, Unusable):
        return False


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
    " task, the other behind it; backup[reset]+mode_flag calls one before every task",
    needs_inner("backup"),
    recognise=recognise,
    around=_around,
)
