"""Laws of the family `transductivity`, beyond what test_families asks of all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import pytest
import torch
import trials

from tnverify.contract import parse_claims
from tnverify.engine.evaluate import Evaluation, evaluate
from tnverify.faults.plain import PlainNorm, State
from tnverify.faults.transductivity import MomentsOfTheTargets
from tnverify.plans import Plan
from tnverify.properties import state, transductivity
from tnverify.subjects import SubjectProber

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.catalogue import Law


def asked(law: Law, made: type, plan: Plan, claims: str = "meta_bn") -> Evaluation:
    return evaluate(law, SubjectProber(trials.subject_of(made, claims)), plan.build())


@pytest.mark.parametrize("targets", [0, 1, 2])
def test_a_second_target_is_added_where_there_is_none(targets: int) -> None:
    plan = Plan(context=3, targets=targets, channels=2, spatial=(2, 2), seed=4)
    for law in (
        transductivity.a_target_ignores_the_other_targets,
        transductivity.no_gradient_flows_between_targets,
        transductivity.a_poisoned_target_poisons_only_itself,
    ):
        assert asked(law, MomentsOfTheTargets, plan).ending == "violated", law.name
        assert asked(law, PlainNorm, plan).ending == "held", law.name


def test_a_leak_is_told_with_the_targets_that_were_replaced() -> None:
    plan = Plan(context=3, targets=2, channels=1, spatial=(2, 2), seed=3)
    ended = asked(transductivity.a_target_ignores_the_other_targets, MomentsOfTheTargets, plan)
    assert ended.symptom == "flow"
    assert "kept targets after targets [" in str(ended.reason)
    assert ended.expected != ended.actual


def test_transduction_is_excused_by_a_claim_made_by_hand_alone() -> None:
    by_hand = parse_claims("transductive_bn")
    law = transductivity.a_target_ignores_the_other_targets
    assert "reads the other targets" in str(law.claimed(by_hand))
    assert law.claimed(replace(by_hand, inferred=True)) is None
    assert law.claimed(parse_claims("meta_bn")) is None


class DriftsWithEveryContext(PlainNorm):
    """Moves the context's outputs a little at each conditioning, whatever the targets were."""

    times = 0

    def context_moments(self, x: Tensor, state: State) -> tuple[Tensor, Tensor]:
        self.times += 1
        return state.mean + 1e-3 * self.times, state.var


def test_drift_is_not_mistaken_for_targets_that_reach_the_context() -> None:
    plan = Plan(context=3, targets=2, channels=2, spatial=(2, 2), seed=5)
    flow = transductivity.targets_do_not_reach_the_context_outputs
    assert asked(flow, DriftsWithEveryContext, plan).ending == "held"
    drift = state.conditioning_twice_equals_conditioning_once
    assert asked(drift, DriftsWithEveryContext, plan).ending == "violated"


def test_extreme_values_stand_in_for_the_other_targets_now_and_then() -> None:
    """Else a guard that only extreme values trip would stay unseen on plain tasks."""
    largest: list[float] = []

    class Watches(PlainNorm):
        def normalize(self, targets: Tensor, state: State) -> Tensor:
            largest.append(float(targets.abs().max()))
            return super().normalize(targets, state)

    for seed in range(12):
        plan = Plan(context=2, targets=2, channels=1, spatial=(2, 2), seed=seed)
        law = transductivity.a_target_ignores_the_other_targets
        assert asked(law, Watches, plan).ending == "held"
    assert sum(value > 1000 for value in largest) >= 2
    assert sum(value <= 4 for value in largest) >= 12


def test_which_targets_are_kept_says_nothing_of_whether_the_others_are_extreme() -> None:
    seen: list[tuple[bool, bool]] = []

    class Watches(PlainNorm):
        asked: ClassVar[list[Tensor]] = []

        def normalize(self, targets: Tensor, state: State) -> Tensor:
            self.asked.append(targets.clone())
            return super().normalize(targets, state)

    for seed in range(60):
        plan = Plan(context=2, targets=3, channels=1, spatial=(2, 2), seed=seed)
        law = transductivity.a_target_ignores_the_other_targets
        assert asked(law, Watches, plan).ending == "held"
        before, after = Watches.asked[-2:]
        seen.append((torch.equal(before[1], after[1]), float(after.abs().max()) > 1000))
    assert min(seen.count((kept, extreme)) for kept in (0, 1) for extreme in (0, 1)) >= 5
