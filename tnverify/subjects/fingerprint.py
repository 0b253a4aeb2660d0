"""The fingerprint: whose values reach which outputs, measured by replacing them.

Every answer is compared from equal starting states, so a layer that drifts on every call does
not pass for one that reads its neighbours. What could not be measured is said to be so: it is
not the same as being unread.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.measured import Fingerprint
from tnverify.contract.outcomes import SubjectRaised, Violation
from tnverify.subjects.guard import Hang, time_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from tnverify.contract.task import Task
    from tnverify.subjects.prober import SubjectProber

    Reaches = Callable[[SubjectProber, Task], bool]

SECONDS = 60.0
"""How long measuring may take: slow layers are measured too, those that hang are not waited for."""


@dataclass(slots=True)
class Patience:
    """What is left of the time for measuring; `why` says what used it up, once it is."""

    until: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    why: str | None = None

    @property
    def spent(self) -> bool:
        if self.why is None and time.monotonic() > self.until:
            self.why = f"measuring took over {SECONDS:g} s"
        return self.why is not None


def measure_flow(prober: SubjectProber, tasks: Sequence[Task]) -> Fingerprint:
    """Measure whose values reach target and context outputs, on any of the tasks."""
    patience = Patience()
    targets, targets_left = _reads(prober, tasks, _TARGET_TESTS, patience)
    context, context_left = _reads(prober, tasks, _CONTEXT_TESTS, patience)
    return Fingerprint(
        targets,
        context,
        target_unmeasured=targets_left,
        context_unmeasured=context_left,
        why_unmeasured=patience.why,
    )


def _reads(
    prober: SubjectProber, tasks: Sequence[Task], tests: dict[str, Reaches], patience: Patience
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The sources that reach the outputs, and those that could not be measured to the end."""
    found, left = [], []
    for name, reaches in tests.items():
        answered = False
        for task in tasks:
            if patience.spent:
                left.append(name)
                break
            reached = _reached(reaches, prober, task, patience)
            answered = answered or reached is not None
            if reached:
                found.append(name)
                break
        else:
            if not answered:
                left.append(name)
                patience.why = patience.why or "the layer raised whenever it was asked"
    return tuple(found), tuple(left)


def _reached(
    reaches: Reaches, prober: SubjectProber, task: Task, patience: Patience
) -> bool | None:
    """Whether the source reaches an output on this task; None where the layer gives no answer."""
    try:
        with time_limit():
            return reaches(prober, task)
    except Hang:
        patience.why = "the layer did not answer in time"
    except Violation:
        return None
    except SubjectRaised as raised:
        # A task that the layer refuses measures nothing; the laws report it. A layer that hangs
        # or exits would do so every time.
        if isinstance(raised.error, TimeoutError | SystemExit):
            patience.why = "the layer did not answer"
    return None


def _differ(a: Tensor, b: Tensor) -> bool:
    return not (torch.equal(a, b) or bool(((a == b) | (a.isnan() & b.isnan())).all()))


def _replaced(values: Tensor, task: Task, key: int, places: slice) -> Tensor:
    """The set with the items at `places` replaced."""
    other = values.clone()
    other[places] = task.noise(values, key)[places] * 3 + 2
    return other


_FIRST, _OTHERS = slice(0, 1), slice(1, None)
_KEPT = ((0, _OTHERS), (-1, slice(0, -1)))
"""An item that is kept, and the places of those that are replaced: whoever takes one item's values
for all, or reads what came before, leaves the first as it is."""


def _target_itself(prober: SubjectProber, task: Task) -> bool:
    other = task.with_sets(targets=_replaced(task.targets, task, 6, _FIRST))
    return _differ(prober.run(task).targets[0], prober.run(other).targets[0])


def _context_itself(prober: SubjectProber, task: Task) -> bool:
    other = task.with_sets(context=_replaced(task.context, task, 7, _FIRST))
    return _differ(prober.run(task).context[0], prober.run(other).context[0])


def _other_targets(prober: SubjectProber, task: Task) -> bool:
    for kept, others in _KEPT:
        other = task.with_sets(targets=_replaced(task.targets, task, 1, others))
        if _differ(prober.run(task).targets[kept], prober.run(other).targets[kept]):
            return True
    return False


def _context_to_targets(prober: SubjectProber, task: Task) -> bool:
    other = task.with_sets(context=task.noise(task.context, 2) * 3 + 2)
    return _differ(prober.run(task).targets, prober.run(other).targets)


def _context_to_context(prober: SubjectProber, task: Task) -> bool:
    for kept, others in _KEPT:
        other = task.with_sets(context=_replaced(task.context, task, 3, others))
        if _differ(prober.run(task).context[kept], prober.run(other).context[kept]):
            return True
    return False


def _sequel(prober: SubjectProber, task: Task, context: Tensor, targets: Tensor) -> list[Tensor]:
    """The task's outputs after the same instance has met another task."""
    probe = prober.fresh(task)
    with torch.no_grad():
        _, state = probe.condition(context)
        probe.normalize(targets, state)
        again, state = probe.condition(task.context)
        again = again.clone()
        return [again, probe.normalize(task.targets, state).clone()]


def _after_other_task(prober: SubjectProber, task: Task, side: int) -> bool:
    context = task.noise(task.context, 4) * 3 + 2
    before = _sequel(prober, task, task.context, task.targets)[side]
    after = _sequel(prober, task, context, task.targets)[side]
    return _differ(before, after)


def _after_other_targets(prober: SubjectProber, task: Task, side: int) -> bool:
    targets = task.noise(task.targets, 5) * 3 + 2
    before = _sequel(prober, task, task.context, task.targets)[side]
    after = _sequel(prober, task, task.context, targets)[side]
    return _differ(before, after)


def _meta_training(prober: SubjectProber, task: Task, side: int) -> bool:
    if not task.past:
        return False
    context, targets = task.past[0]
    shifted = replace(task, past=((context * 2 + 3, targets), *task.past[1:]))
    return _differ(prober.run(task)[side], prober.run(shifted)[side])


_TARGET_TESTS: dict[str, Reaches] = {
    "itself": _target_itself,
    "context": _context_to_targets,
    "other_targets": _other_targets,
    "past": lambda p, t: (
        _meta_training(p, t, 1) or _after_other_task(p, t, 1) or _after_other_targets(p, t, 1)
    ),
}
_CONTEXT_TESTS: dict[str, Reaches] = {
    "itself": _context_itself,
    "context": _context_to_context,
    "targets": lambda p, t: _after_other_targets(p, t, 0),
    "past": lambda p, t: _meta_training(p, t, 0) or _after_other_task(p, t, 0),
}
