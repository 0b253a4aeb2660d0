"""How much a leak moves outputs: measured over tasks, and shown by the counterexample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from makeshift import law_of, subject

from tnverify.catalogue import load_catalogue
from tnverify.contract import Violation
from tnverify.engine.effects import SHARE, TASKS, measured
from tnverify.engine.evaluate import evaluate
from tnverify.engine.failures import smallest_failure
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan, corpus
from tnverify.subjects.prober import SubjectProber
from tnverify.tolerances import expect_close, expect_same

if TYPE_CHECKING:
    from tnverify.contract import Prober, Task

SUBJECT = subject(PlainNorm)
PLANS = corpus(3, 40, rank=2, step=1)
LEAK = load_catalogue().named("a_target_ignores_the_other_targets")


class BatchOfTargets(torch.nn.Module):
    """Normalises targets by their own moments."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(channels, track_running_stats=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self.norm(x)
        return normed


def growing(norm: Prober, task: Task) -> None:
    """A law whose effect is the number of context items."""
    norm.run(task)
    count = float(len(task.context))
    expect_same(torch.tensor([count]), torch.tensor([0.0]), "counted", symptom="flow")


def test_the_largest_and_the_median_effect_are_those_of_the_tasks() -> None:
    law = law_of(growing)
    found = measured(law, SUBJECT, PLANS, "float64")
    assert found is not None
    sizes = [evaluate(law, SubjectProber(SUBJECT), plan.build()).effect for plan in PLANS[:TASKS]]
    assert found.effect.tasks <= TASKS
    assert found.effect.largest >= found.effect.median >= min(s for s in sizes if s is not None)
    assert found.plan.context == found.effect.largest
    assert (found.plan.weight, found.plan.bias) == ((1.0,), (0.0,))


def test_a_counterexample_shows_a_tenth_of_the_largest_effect() -> None:
    law = law_of(growing)
    plans = [Plan(context=n) for n in (2, 5, 60)]
    found = measured(law, SUBJECT, plans, "float64")
    assert found is not None
    assert (found.effect.largest, found.effect.median, found.effect.tasks) == (60.0, 5.0, 3)
    first = evaluate(law, SubjectProber(SUBJECT), plans[0].build())
    smallest = smallest_failure(law, SUBJECT, (plans[0], "float64", first), 0, (), found)
    assert len(smallest.task.context) == 6
    assert smallest.counterexample.effect == 6.0 == SHARE * found.effect.largest


def test_a_real_leak_is_shown_by_a_task_that_convinces() -> None:
    layer = subject(BatchOfTargets)
    found = measured(LEAK, layer, PLANS, "float64")
    assert found is not None
    assert found.effect.largest > 0.5
    plan = found.plan
    first = evaluate(LEAK, SubjectProber(layer), plan.build())
    smallest = smallest_failure(LEAK, layer, (plan, "float64", first), 0, (), found)
    assert smallest.counterexample.effect is not None
    assert smallest.counterexample.effect >= found.least


def test_what_compares_no_values_or_is_no_leak_has_no_effect() -> None:
    def says(norm: Prober, task: Task) -> None:
        norm.run(task)
        raise Violation("in words alone", symptom="flow")

    def wrong(norm: Prober, task: Task) -> None:
        norm.run(task)
        expect_close(torch.ones(1), torch.zeros(1), 0.5, "a value")

    assert measured(law_of(says), SUBJECT, PLANS, "float64") is None
    assert measured(law_of(wrong), SUBJECT, PLANS, "float64") is None
    assert measured(LEAK, SUBJECT, PLANS[:4], "float64") is None
    ended = evaluate(law_of(wrong), SubjectProber(SUBJECT), PLANS[0].build())
    assert ended.effect == 1.0
