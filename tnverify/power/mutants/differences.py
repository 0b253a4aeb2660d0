"""How a changed layer answers otherwise than the original, where no law minds.

Both are taken through the same steps on each task: context and targets, their gradients, a second
task on the same instance, the first task's state again, what is saved. Answers must be equal to
the last bit; a layer that raises must raise in both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tnverify.contract.outcomes import SubjectRaised, Violation
from tnverify.contract.task import uniforms
from tnverify.plans.strategies import corpus
from tnverify.subjects.guard import Hang, alarms, calling, time_limit
from tnverify.subjects.prober import SubjectProber

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from tnverify.contract.task import Task
    from tnverify.plans import Plan
    from tnverify.subjects.probe import LiveProbe
    from tnverify.subjects.subject import Subject

    Answers = dict[str, list[Tensor] | str]

_LARGEST_HALF = 16.0
"""Larger values of a task would leave half precision once they are squared."""

_RAISES = "raises"

_WIDE = (6, 8, 12, 16)
"""Channels, in units of what a layer's must be a multiple of: more than any profile draws."""

_EACH = 6
"""How many tasks there are of each size that no profile draws."""

BEYOND = _EACH * (len(_WIDE) + 3)
"""How many there are of all of them."""

_NARROW_TASKS = 72
"""How many tasks are compared in the layer's own precision, and in half precision."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two layers part, in one dtype, of `tried` tasks.

    `shown` has the tasks that show it, and how, for each step at which they part.
    """

    dtype: torch.dtype
    tried: int
    shown: Mapping[str, tuple[tuple[Plan, ...], str]]

    @property
    def plans(self) -> frozenset[Plan]:
        """The tasks that show it at any step."""
        return frozenset(plan for plans, _ in self.shown.values() for plan in plans)

    def __str__(self) -> str:
        """What differs, how, and on how many tasks; two steps at most, the first ones."""
        name = str(self.dtype).removeprefix("torch.")
        return "; ".join(
            f"{what} differ on {len(plans)} of {self.tried} tasks in {name}, {how}"
            for what, (plans, how) in list(self.shown.items())[:2]
        )


def beyond_profiles(seed: int, rank: int, step: int) -> tuple[Plan, ...]:
    """Tasks of sizes that no profile draws: of more channels, and of other ranks than `rank`."""
    wide = [corpus(seed, _EACH, rank=rank, step=step, min_channels=count * step) for count in _WIDE]
    others = [corpus(seed, _EACH, rank=other, step=step) for other in range(4) if other != rank]
    return tuple(plan for plans in (*wide, *others) for plan in plans)


def difference(original: Subject, changed: Subject, plans: Sequence[Plan]) -> Difference | None:
    """How the two differ; None where they answer alike on every task.

    In float64 on all of the plans; where that shows nothing, on the first of them in the layer's
    own precision and in bfloat16 too, for what is changed for those alone.
    """
    lanes: list[tuple[torch.dtype, Sequence[Plan]]] = []
    if original.has_float64:
        lanes.append((torch.float64, plans))
    if original.native is not torch.float64:
        lanes.append((original.native, plans[:_NARROW_TASKS]))
    lanes.append((torch.bfloat16, [p for p in plans[:_NARROW_TASKS] if _has_room(p)]))
    with alarms():
        for dtype, asked in lanes:
            found = _in_one(original, changed, asked, dtype)
            if found is not None:
                return found
    return None


def _in_one(
    original: Subject, changed: Subject, plans: Sequence[Plan], dtype: torch.dtype
) -> Difference | None:
    shown: dict[str, list[tuple[Plan, float | str]]] = {}
    for plan in plans:
        task = plan.build(dtype, original.device)
        here, there = _answers(original, task), _answers(changed, task)
        for what in here.keys() & there.keys():
            gap = _gap(here[what], there[what])
            if gap is not None:
                shown.setdefault(what, []).append((plan, gap))
    if not shown:
        return None
    steps = {
        what: (tuple(plan for plan, _ in shown[what]), _how([gap for _, gap in shown[what]]))
        for what in _STEPS
        if what in shown
    }
    return Difference(dtype, len(plans), steps)


def _how(gaps: Sequence[float | str]) -> str:
    """In words, the gaps of one step: the largest that is a number, then those that are none."""
    numbers = [gap for gap in gaps if isinstance(gap, float)]
    words = [f"by at most {max(numbers):.1g}"] if numbers else []
    return " and ".join([*words, *dict.fromkeys(gap for gap in gaps if isinstance(gap, str))])


def _has_room(plan: Plan) -> bool:
    task = plan.build()
    sets = [x for x in (task.context, task.targets) if x.numel()]
    return all(float(x.abs().max()) <= _LARGEST_HALF for x in sets)


def _answers(subject: Subject, task: Task) -> Answers:
    """What the subject gives at each step, or that it raises. Without outputs there is no more."""
    found: Answers = {}
    own = task.with_sets(context=task.context.clone(), targets=task.targets.clone())
    session = _Session(subject, own)
    for what, step in _STEPS.items():
        try:
            with time_limit(), calling(what):
                if session.probe is None:
                    session.probe = SubjectProber(subject).fresh(session.task)
                found[what] = step(session, session.probe)
        except (SubjectRaised, Violation, Hang):
            found[what] = _RAISES
            if what == "outputs":
                break  # nothing was answered: there is no more to compare
    return found


class _Session:
    """One instance on its way through the steps."""

    def __init__(self, subject: Subject, task: Task) -> None:
        self.subject = subject
        self.task = task
        self.probe: LiveProbe | None = None
        self.state: object = None


def _outputs(session: _Session, probe: LiveProbe) -> list[Tensor]:
    task = session.task
    with torch.no_grad():
        context, session.state = probe.condition(task.context)
        context = context.clone()
        targets = probe.normalize(task.targets, session.state).clone()
    return [context, targets]


def _left(session: _Session, _: LiveProbe) -> list[Tensor]:
    return [session.task.context.clone(), session.task.targets.clone()]


def _gradients(session: _Session, probe: LiveProbe) -> list[Tensor]:
    task = session.task
    sets = [task.context.clone().requires_grad_(), task.targets.clone().requires_grad_()]
    context, state = probe.condition(sets[0])
    outputs = [context, probe.normalize(sets[1], state)]
    parameters = probe.module.parameters() if probe.module is not None else []
    inputs = [*sets, *(p for p in parameters if p.requires_grad)]
    total = sum(
        (out * torch.from_numpy(uniforms(tuple(out.shape), 7, side)).to(out)).sum()
        for side, out in enumerate(outputs)
    )
    if not isinstance(total, torch.Tensor) or not total.requires_grad:
        return [torch.zeros(()) for _ in inputs]
    reached: list[Tensor | None] = list(torch.autograd.grad(total, inputs, allow_unused=True))
    return [torch.zeros_like(x) if g is None else g for g, x in zip(reached, inputs, strict=True)]


def _second_task(session: _Session, probe: LiveProbe) -> list[Tensor]:
    task = session.task
    with torch.no_grad():
        context, state = probe.condition(task.targets.flip(0) + 1)
        context = context.clone()
        targets = probe.normalize(task.context, state).clone()
        return [context, targets, probe.normalize(task.targets, session.state).clone()]


def _unconditioned(session: _Session, _: LiveProbe) -> list[Tensor]:
    """What an instance gives that has met no context: nothing, where it refuses."""
    unused = SubjectProber(session.subject).fresh(session.task)
    try:
        with torch.no_grad():
            return [unused.normalize(session.task.targets, None).clone()]
    except (SubjectRaised, Violation):
        return []


def _saved(_: _Session, probe: LiveProbe) -> list[Tensor]:
    module = probe.module
    if module is None:
        return []
    kept = [v for _, v in sorted(module.state_dict().items()) if isinstance(v, torch.Tensor)]
    return [v.detach().clone() for v in kept]


_STEPS: dict[str, Callable[[_Session, LiveProbe], list[Tensor]]] = {
    "outputs": _outputs,
    "the sets that it was given": _left,
    "gradients": _gradients,
    "outputs of a second task": _second_task,
    "outputs without a context": _unconditioned,
    "the values that are saved": _saved,
}


def _gap(here: list[Tensor] | str, there: list[Tensor] | str) -> float | str | None:
    """The largest difference, or what kind of one is no number; None where all is the same, to
    the last bit."""
    if isinstance(here, str) or isinstance(there, str):
        # Of two that refuse a task, one may do so in other words.
        alike = isinstance(here, str) and isinstance(there, str)
        return None if alike else "in that one of them raises"
    if len(here) != len(there):
        return "in how many there are"
    largest: float | None = None
    for a, b in zip(here, there, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            return "in shape or dtype"
        if bool(((a == b) | (a.isnan() & b.isnan())).all()):
            continue
        gap = float((a.double() - b.double()).abs()[a != b].max())
        if not math.isfinite(gap):
            return "by values that are not finite"
        largest = max(largest or 0.0, gap)
    return largest
