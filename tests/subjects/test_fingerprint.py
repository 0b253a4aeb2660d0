"""Whom outputs read, what could not be measured, and the bound of layers without a formula."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from tnverify.plans import Plan
from tnverify.subjects import Factory, SubjectProber, fingerprint, from_factory
from tnverify.subjects.fingerprint import measure_flow
from tnverify.subjects.fitting import probe_tasks


def layer(forward: Any) -> type[nn.Module]:
    class Layer(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return forward(x)  # type: ignore[no-any-return]  # a tensor

    return Layer


def measured(forward: Any) -> Any:
    subject = from_factory("made", Factory(layer(forward)), "inductive", "no_context")
    return measure_flow(SubjectProber(subject), probe_tasks(subject))


def test_a_layer_reads_itself_only_where_it_does() -> None:
    assert measured(lambda x: x * 2).target_reads == ("itself",)
    assert measured(lambda x: x * 0).target_reads == ()


def test_a_batch_mean_is_read_by_both_sets() -> None:
    flow = measured(lambda x: x - x.mean(0, keepdim=True) if len(x) else x)
    assert flow.target_reads == ("itself", "other_targets")
    assert flow.context_reads == ("itself", "context")
    assert flow.target_unmeasured == flow.context_unmeasured == ()


def test_who_reads_the_first_item_alone_or_those_before_is_seen_to() -> None:
    for forward in (lambda x: x + x[:1], lambda x: x.cumsum(0)):
        flow = measured(forward)
        assert flow.target_reads == ("itself", "other_targets")
        assert flow.context_reads == ("itself", "context")


def test_what_there_was_no_time_for_is_not_called_unread(monkeypatch: Any) -> None:
    monkeypatch.setattr(fingerprint, "SECONDS", 0.02)

    def slow(x: torch.Tensor) -> torch.Tensor:
        time.sleep(0.02)
        return x

    flow = measured(slow)
    assert flow.target_reads == ("itself",)
    assert flow.target_unmeasured == ("context", "other_targets", "past")
    assert flow.why_unmeasured == "measuring took over 0.02 s"


def test_the_bound_of_two_values_counts_how_far_they_lie_from_zero() -> None:
    """They become plus and minus one however they are changed, while their mean is rounded."""

    def forward(x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(0, keepdim=True)
        return (x - mean) * torch.rsqrt((x - mean).square().mean(0, keepdim=True) + 1e-5)

    subject = from_factory("made", Factory(layer(forward)), "inductive", "no_context")
    plan = Plan(context=2, targets=2, channels=2, spatial=(1, 1), profile="normal", offset=1000.0)
    bound = SubjectProber(subject).bound(plan.build())
    deviations = 1000.0
    assert bool((bound.targets > 2.0**-53 * deviations).all())
    assert bool((bound.targets < 1e-8).all())


def test_the_bound_in_half_precision_counts_what_a_residual_stores_on_its_way() -> None:
    """A norm, its product with a gain and their sum with the input are each rounded to half."""

    def forward(x: torch.Tensor) -> torch.Tensor:
        gain = torch.tensor(0.3, dtype=x.dtype)
        return x + gain * nn.functional.instance_norm(x, eps=1e-5)

    subject = from_factory("made", Factory(layer(forward)), "inductive", "no_context")
    prober = SubjectProber(subject)
    plan = Plan(context=3, targets=3, channels=4, spatial=(5, 4), profile="normal")
    for seed in range(20):
        task = replace(plan, seed=seed).build(torch.bfloat16)
        wide = task.with_sets(task.context.double(), task.targets.double())
        exact = prober.answer(wide).targets
        stored = torch.tensor(0.3, dtype=torch.bfloat16).double() - 0.3
        exact = exact + stored * (exact - wide.targets) / 0.3
        off = (prober.answer(task).targets.double() - exact).abs()
        assert bool((off <= prober.bound(task).targets).all())
