"""Laws of the family `task_isolation`, beyond what test_families asks of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
import trials

from tnverify.engine.evaluate import evaluate
from tnverify.faults.flagged import FlaggedNorm
from tnverify.faults.plain import PlainNorm, State
from tnverify.plans import Plan
from tnverify.properties import task_isolation
from tnverify.subjects import Factory, SubjectProber, from_factory

if TYPE_CHECKING:
    from torch import Tensor


def test_a_sound_layer_whose_state_is_the_live_instance_keeps_the_laws() -> None:
    subject = from_factory("FlaggedNorm", Factory(FlaggedNorm), "meta_bn,detached", "mode_flag")
    for law in task_isolation.LAWS:
        tried = trials.try_law(law, subject, tasks=8)
        assert tried.failures == [], law.name
        assert tried.counted or "one task at a time" in str(tried.not_claimed), law.name


@pytest.mark.parametrize("profile", ["grid", "two_values", "duplicates", "zeros"])
@pytest.mark.parametrize("seed", range(5))
def test_a_near_twin_shares_shape_first_values_and_sum(profile: str, seed: int) -> None:
    values = Plan(context=3, channels=2, spatial=(2, 2), profile=profile, seed=seed).build().context
    twin = task_isolation._near_twin(values)
    assert twin.shape == values.shape
    assert torch.equal(twin.view(-1)[:-2], values.view(-1)[:-2])
    assert not torch.equal(twin, values)
    if profile != "duplicates":  # its values are normal, so their sum is rounded
        assert float(twin.sum()) == float(values.sum())


def test_a_near_twin_has_another_variance() -> None:
    """Else a layer that confused the two would answer alike."""
    for seed in range(30):
        values = Plan(context=2, channels=1, spatial=(1, 1), seed=seed).build().context
        twin = task_isolation._near_twin(values)
        assert twin.var() != values.var()


def test_the_task_before_has_another_size_and_each_change_of_size_is_met() -> None:
    sizes: list[int] = []

    class Watches(PlainNorm):
        def condition(self, context: Tensor) -> tuple[Tensor, State]:
            sizes.append(len(context))
            return super().condition(context)

    subject = trials.subject_of(Watches, "meta_bn")
    sizes.clear()
    for seed in range(20):
        task = Plan(context=4, targets=4, seed=seed).build()
        task_isolation.a_task_forgets_the_task_before.check(SubjectProber(subject), task)
    assert set(sizes) == {3, 4, 5, 6}


def test_the_law_leaves_the_task_as_it_was() -> None:
    subject = trials.sound("PlainTaskNorm")
    for law in task_isolation.LAWS:
        task = Plan(context=3, targets=2, channels=2, spatial=(2, 2)).build()
        before = (task.context.clone(), task.targets.clone())
        law.check(SubjectProber(subject), task)
        assert torch.equal(task.context, before[0]), law.name
        assert torch.equal(task.targets, before[1]), law.name
        assert evaluate(law, SubjectProber(subject), task).ending == "held"
