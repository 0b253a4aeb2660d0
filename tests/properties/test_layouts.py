"""Laws of the family `layouts`, beyond what test_families asks of all."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import trials
from torch import Tensor

from tnverify.contract import NotClaimed, Run, Violation
from tnverify.faults.plain import PlainNorm
from tnverify.plans import Plan
from tnverify.properties import layouts

LAWS = [law for law in layouts.LAWS if not law.thorough_only]


TRACED = ("torch_compile_agrees_with_eager", "torch_export_agrees_with_eager")


@pytest.mark.parametrize("name", TRACED)
def test_tracing_changes_nothing_and_is_seen_where_it_does(name: str) -> None:
    (law,) = (law for law in layouts.LAWS if law.name == name)
    kept = trials.try_law(law, trials.sound("PlainTaskNorm"), tasks=8)
    if kept.not_claimed is not None:
        pytest.skip(kept.not_claimed)
    assert kept.counted
    assert kept.failures == []
    for fault in trials.faults_of("layouts"):
        if "WhenTraced" in fault.name:
            assert trials.survivors(fault, [law], tasks=8) == []


@pytest.mark.parametrize("affine", [False, True])
def test_input_read_as_one_unbatched_item_is_no_violation(affine: bool) -> None:
    """InstanceNorm2d takes (channels, height, width) too; (items, channels, length) looks alike."""
    subject = trials.subject_of(
        lambda channels: torch.nn.InstanceNorm2d(channels, affine=affine), "instance_norm"
    )
    tried = trials.try_law(layouts.one_and_three_spatial_dimensions, subject, tasks=16)
    assert tried.failures == []
    assert affine or "without a batch" in str(tried.not_claimed)


def test_an_answer_of_another_dtype_is_seen() -> None:
    task = Plan(context=2, targets=2).build(torch.float64)
    kept = SimpleNamespace(run=lambda task: Run(task.context, task.targets))
    layouts.dtype_and_device_are_kept.check(kept, task)
    narrowed = SimpleNamespace(run=lambda task: Run(task.context, task.targets.float()))
    with pytest.raises(Violation, match=r"target outputs are torch\.float32"):
        layouts.dtype_and_device_are_kept.check(narrowed, task)
    elsewhere = SimpleNamespace(run=lambda task: Run(task.context.to("meta"), task.targets))
    with pytest.raises(Violation, match="context outputs are on meta"):
        layouts.dtype_and_device_are_kept.check(elsewhere, task)


def test_another_answer_on_another_device_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CUDA the law is not claimed; what it compares is seen with the CPU in its place."""
    law = layouts.cpu_and_cuda_agree
    task = Plan(context=2, targets=2).build(torch.float64)
    tiny = Run(torch.full_like(task.context, 1e-9), torch.full_like(task.targets, 1e-9))
    if not torch.cuda.is_available():
        with pytest.raises(NotClaimed, match="no CUDA device"):
            law.check(SimpleNamespace(), task)
    monkeypatch.setattr(layouts, "_elsewhere", lambda task: torch.device("cpu"))
    alike = SimpleNamespace(run=lambda at: Run(at.context, at.targets), bound=lambda at: tiny)
    law.check(alike, task)
    other = SimpleNamespace(
        run=lambda at: Run(at.context + 1e-6 * (at is not task), at.targets), bound=lambda at: tiny
    )
    with pytest.raises(Violation, match="on cpu"):
        law.check(other, task)


class ChannelsLastInside(PlainNorm):
    def widened(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def test_what_a_transform_does_not_offer_is_not_the_layers_fault() -> None:
    (law,) = (law for law in LAWS if law.name == "vmap_over_tasks_agrees_with_a_loop")
    tried = trials.try_law(law, trials.subject_of(ChannelsLastInside, "meta_bn"), tasks=4)
    assert tried.failures == []
    assert "does not offer" in str(tried.not_claimed)


class WeightInABuffer(PlainNorm):
    """Its weight is no parameter, so that functional_call leaves it alone, as it should."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        del self.weight
        self.register_buffer("weight", torch.ones(channels))


def test_what_functional_call_cannot_pass_is_not_asked_of_it() -> None:
    (law,) = (law for law in LAWS if law.name == "functional_call_agrees_with_eager")
    tried = trials.try_law(law, trials.subject_of(WeightInABuffer, "meta_bn"), tasks=6)
    assert tried.counted
    assert tried.failures == []
