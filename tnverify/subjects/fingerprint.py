"""The fingerprint: whose values reach which outputs, measured by replacing them.

Every answer is compared from equal starting states, so a layer that drifts on every call does
not pass for one that reads its neighbours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.contract.outcomes import SubjectRaised, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from tnverify.contract.task import Task
    from tnverify.subjects.prober import SubjectProber


def target_reads(prober: SubjectProber, tasks: Sequence[Task]) -> frozenset[str]:
    """Of itself, context, other_targets and past: what reaches the target outputs."""
    return frozenset({"itself"}) | _reads(prober, tasks, _TARGET_TESTS)


def context_reads(prober: SubjectProber, tasks: Sequence[Task]) -> frozenset[str]:
    """Of itself, context, targets and past: what reaches the context outputs."""
    return frozenset({"itself"}) | _reads(prober, tasks, _CONTEXT_TESTS)


def _reads(
    prober: SubjectProber,
    tasks: Sequence[Task],
    tests: dict[str, Callable[[SubjectProber, Task], bool]],
) -> frozenset[str]:
    found = set()
    for name, reaches in tests.items():
        for task in tasks:
            try:
                if reaches(prober, task):
                    found.add(name)
                    break
            except Violation:
                continue
            except SubjectRaised as raised:
                # A task that the layer refuses measures nothing; the laws report it. A layer that
                # hangs or exits would do so every time.
                if isinstance(raised.error, TimeoutError | SystemExit):
                    return frozenset(found)
    return frozenset(found)


def _differ(a: Tensor, b: Tensor) -> bool:
    return not (torch.equal(a, b) or bool(((a == b) | (a.isnan() & b.isnan())).all()))


def _replaced_but_first(values: Tensor, task: Task, key: int) -> Tensor:
    return torch.cat([values[:1], task.noise(values, key)[1:] * 3 + 2])


def _other_targets(prober: SubjectProber, task: Task) -> bool:
    other = task.with_sets(targets=_replaced_but_first(task.targets, task, 1))
    return _differ(prober.run(task).targets[0], prober.run(other).targets[0])


def _context_to_targets(prober: SubjectProber, task: Task) -> bool:
    other = task.with_sets(context=task.noise(task.context, 2) * 3 + 2)
    return _differ(prober.run(task).targets, prober.run(other).targets)


def _context_to_context(prober: SubjectProber, task: Task) -> bool:
    other = task.with_sets(context=_replaced_but_first(task.context, task, 3))
    return _differ(prober.run(task).context[0], prober.run(other).context[0])


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


_TARGET_TESTS: dict[str, Callable[[SubjectProber, Task], bool]] = {
    "other_targets": _other_targets,
    "context": _context_to_targets,
    "past": lambda p, t: (
        _meta_training(p, t, 1) or _after_other_task(p, t, 1) or _after_other_targets(p, t, 1)
    ),
}
_CONTEXT_TESTS: dict[str, Callable[[SubjectProber, Task], bool]] = {
    "context": _context_to_context,
    "targets": lambda p, t: _after_other_targets(p, t, 0),
    "past": lambda p, t: _meta_training(p, t, 0) or _after_other_task(p, t, 0),
}
