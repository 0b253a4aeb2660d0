"""The rounding bound: no sound layer exceeds it, and wrong ones do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import torch
from torch.nn import functional

from tnverify.oracle import Moments, SetAnswer, alpha_of, answer
from tnverify.plans import Plan, corpus
from tnverify.tolerances import rounding_bound, too_wide, unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract import Task

EPS = 1e-5
PLANS = corpus(0, 200)


class Layer(NamedTuple):
    """A sound layer in torch: target outputs of a task in the task's own dtype."""

    scheme: str
    targets: Callable[[Task], Tensor]


def per_channel(values: tuple[float, ...] | None, like: Tensor) -> Tensor:
    assert values is not None
    return torch.tensor(values, dtype=like.dtype).view(1, -1, *(1,) * (like.dim() - 2))


def moments(x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Two passes, in plain operations."""
    mean = x.mean(dims, keepdim=True)
    return mean, (x - mean).square().mean(dims, keepdim=True)


def finish(task: Task, mean: Tensor, var: Tensor) -> Tensor:
    weight = per_channel(task.parameters.weight, task.targets)
    bias = per_channel(task.parameters.bias, task.targets)
    return (task.targets - mean) / torch.sqrt(var + EPS) * weight + bias


def folded(task: Task, mean: Tensor, var: Tensor) -> Tensor:
    """One multiply-add an element, as fast kernels have it: where x - mean cancels most."""
    factor = per_channel(task.parameters.weight, task.targets) * torch.rsqrt(var + EPS)
    return task.targets * factor + (per_channel(task.parameters.bias, mean) - mean * factor)


def pooled(task: Task, own: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Eqs. (10) and (11)."""
    mean, var = moments(task.context, (0, 2, 3))
    scale, offset = (
        torch.tensor(value, dtype=task.dtype)
        for value in (task.parameters.scale, task.parameters.offset)
    )
    alpha = torch.sigmoid(scale * task.context.shape[0] + offset)
    middle = alpha * mean + (1 - alpha) * own[0]
    spread = alpha * (var + (mean - middle).square())
    return middle, spread + (1 - alpha) * (own[1] + (own[0] - middle).square())


def running(task: Task) -> tuple[Tensor, Tensor]:
    """Made-up running moments that fit the task's magnitudes: those of its own targets."""
    mean, var = moments(task.targets.double(), (0, 2, 3))
    return mean.to(task.dtype), (1.5 * var + 0.125).to(task.dtype)


def kernel(task: Task, name: str) -> Tensor:
    """torch's own kernels."""
    weight, bias = (
        torch.tensor(values, dtype=task.dtype)
        for values in (task.parameters.weight, task.parameters.bias)
    )
    if name == "instance":
        return functional.instance_norm(task.targets, weight=weight, bias=bias, eps=EPS)
    if name == "group":
        return functional.group_norm(task.targets, 1, weight, bias, EPS)
    if name == "batch":
        return functional.batch_norm(task.targets, None, None, weight, bias, training=True, eps=EPS)
    wide = (-1, *(1,) * len(task.spatial))
    shape = task.targets.shape[1:]
    return functional.layer_norm(
        task.targets, shape, weight.view(wide).expand(shape), bias.view(wide).expand(shape), EPS
    )


def reptile(task: Task) -> Tensor:
    each = [
        finish(
            task.with_sets(targets=task.targets[i : i + 1]),
            *moments(torch.cat([task.context, task.targets[i : i + 1]]), (0, 2, 3)),
        )
        for i in range(len(task.targets))
    ]
    return torch.cat(each)


BATCH, SPACE, LAYER = (0, 2, 3), (2, 3), (1, 2, 3)
LAYERS = {
    "conventional_bn": Layer("conventional_bn", lambda t: finish(t, *running(t))),
    "batch_renorm": Layer("batch_renorm", lambda t: folded(t, *running(t))),
    "transductive_bn": Layer("transductive_bn", lambda t: finish(t, *moments(t.targets, BATCH))),
    "transductive_bn, torch": Layer("transductive_bn", lambda t: kernel(t, "batch")),
    "layer_norm": Layer("layer_norm", lambda t: finish(t, *moments(t.targets, LAYER))),
    "layer_norm, torch": Layer("layer_norm", lambda t: kernel(t, "layer")),
    "layer_norm, torch group": Layer("layer_norm", lambda t: kernel(t, "group")),
    "instance_norm": Layer("instance_norm", lambda t: finish(t, *moments(t.targets, SPACE))),
    "instance_norm, torch": Layer("instance_norm", lambda t: kernel(t, "instance")),
    "reptile_norm": Layer("reptile_norm", reptile),
    "meta_bn": Layer("meta_bn", lambda t: finish(t, *moments(t.context, BATCH))),
    "meta_bn, folded": Layer("meta_bn", lambda t: folded(t, *moments(t.context, BATCH))),
    "tasknorm_i": Layer("tasknorm_i", lambda t: finish(t, *pooled(t, moments(t.targets, SPACE)))),
    "tasknorm_i, folded": Layer(
        "tasknorm_i", lambda t: folded(t, *pooled(t, moments(t.targets, SPACE)))
    ),
    "tasknorm_l": Layer("tasknorm_l", lambda t: finish(t, *pooled(t, moments(t.targets, LAYER)))),
    "tasknorm_r": Layer("tasknorm_r", lambda t: finish(t, *pooled(t, running(t)))),
}


def expected(scheme: str, task: Task) -> SetAnswer:
    kept = None
    if scheme in ("conventional_bn", "batch_renorm", "tasknorm_r"):
        mean, var = running(task)
        kept = Moments(mean.double().numpy().ravel(), var.double().numpy().ravel())
    return answer(
        scheme,
        task.context.double().numpy(),
        task.targets.double().numpy(),
        weight=task.parameters.weight,
        bias=task.parameters.bias,
        eps=EPS,
        running=kept,
        alpha=alpha_of(task.parameters.scale, task.parameters.offset, len(task.context)),
    ).targets


def bound_of(ours: SetAnswer, task: Task, dtype: torch.dtype) -> np.ndarray:
    return rounding_bound(
        ours,
        weight=task.parameters.weight,
        bias=task.parameters.bias,
        unit=unit(dtype),
        scale=task.parameters.scale,
        offset=task.parameters.offset,
        size=len(task.context),
    )


def margins(layer: Layer, dtype: torch.dtype, plans: list[Plan] = PLANS) -> tuple[list[float], int]:
    """The worst error as a share of its bound for every plan that counts, and how many do not."""
    found, silent = [], 0
    for plan in plans:
        task = plan.build(dtype)
        # Here torch refuses: batch statistics over one value, instance statistics over one pixel.
        if plan.targets == 0 or max(plan.spatial) == 1:
            continue
        ours = expected(layer.scheme, task)
        bound = bound_of(ours, task, dtype)
        if too_wide(bound, ours, weight=task.parameters.weight):
            silent += 1
            continue
        error = np.abs(layer.targets(task).double().numpy() - ours.outputs)
        assert np.isfinite(error).all(), plan
        share = np.divide(error, bound, out=np.zeros_like(error), where=error > 0)
        found.append(float(share.max()))
    return found, silent


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_no_sound_layer_exceeds_it(name: str, dtype: torch.dtype) -> None:
    found, silent = margins(LAYERS[name], dtype)
    assert max(found) <= 1.0, f"worst margin {max(found):.2f}"
    # It says something, and of a layer that errs by rounding the margin is not zero.
    assert len(found) > (0.7 if dtype == torch.float32 else 0.9) * (len(found) + silent)
    assert max(found) > 0.0


def test_half_precision_outputs_of_a_float32_layer_stay_within() -> None:
    worst = 0.0
    for plan in PLANS[:80]:
        half = plan.build(torch.float16)
        single = half.with_sets(half.context.float(), half.targets.float())
        if plan.targets == 0 or not (half.context.isfinite().all() & half.targets.isfinite().all()):
            continue  # the plan's exponent is beyond half precision
        ours = expected("tasknorm_i", single)
        bound = rounding_bound(
            ours,
            weight=single.parameters.weight,
            bias=single.parameters.bias,
            unit=unit(torch.float32),
            storage_unit=unit(torch.float16),
            scale=plan.scale,
            offset=plan.alpha_offset,
            size=plan.context,
        )
        outputs = LAYERS["tasknorm_i"].targets(single).half().double().numpy()
        error = np.abs(outputs - ours.outputs)
        worst = max(worst, float((error / bound).max()))
    assert 0.5 < worst <= 1.0


def off_by_a_thousandth(task: Task) -> Tensor:
    """The deviation is too large by one part in a thousand."""
    mean, var = moments(task.context, BATCH)
    return finish(task, mean, (var + EPS) * 1.001**2 - EPS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_an_error_of_a_thousandth_is_caught_on_normal_plans(dtype: torch.dtype) -> None:
    plans = [
        replace(plan, profile="normal", offset=0.0, exponent=0, overrides=())
        for plan in PLANS[:80]
        if plan.targets and plan.context * max(plan.spatial) > 1
    ]
    found, silent = margins(Layer("meta_bn", off_by_a_thousandth), dtype, plans)
    assert silent == 0
    assert len(found) > 60
    assert min(found) > 1.0


def saturated(offset: float) -> Task:
    """Context moments far from the target's own, and an alpha near one."""
    return Plan(
        context=4,
        targets=3,
        channels=2,
        spatial=(3, 3),
        profile="normal",
        seed=1,
        alpha_offset=offset,
    ).build(torch.float32)


def test_without_the_alpha_term_sound_layers_would_be_blamed() -> None:
    """1 - alpha cancels in float32 as alpha saturates, and targets far away feel it."""
    with_term, without_term = 0.0, 0.0
    for offset in (7.0, 8.5, 10.0, 11.25, 12.5, 13.0):
        task = saturated(offset)
        task = task.with_sets(targets=task.targets + 4096.0)
        ours = expected("tasknorm_i", task)
        error = np.abs(LAYERS["tasknorm_i"].targets(task).double().numpy() - ours.outputs)
        # Moments of values near 4096 round too: alone the blend's own term is looked at.
        quiet = replace(ours, kappa=np.zeros_like(ours.kappa))
        full = bound_of(quiet, task, torch.float32)
        bare = bound_of(
            replace(quiet, dy_dalpha=np.zeros_like(ours.dy_dalpha)), task, torch.float32
        )
        with_term = max(with_term, float((error / full).max()))
        without_term = max(without_term, float((error / bare).max()))
    assert with_term <= 1.0 < without_term


def test_ill_conditioned_float32_says_nothing() -> None:
    plan = Plan(context=30, targets=4, channels=2, spatial=(6, 6), profile="normal", offset=1e4)
    for dtype, wide in ((torch.float32, True), (torch.float64, False)):
        task = plan.build(dtype)
        ours = expected("meta_bn", task)
        assert too_wide(bound_of(ours, task, dtype), ours, weight=None) == wide


def test_no_targets_are_within_any_bound() -> None:
    task = Plan(targets=0, channels=2, spatial=(2, 2)).build()
    ours = expected("tasknorm_i", task)
    bound = bound_of(ours, task, torch.float64)
    assert bound.shape == (0, 2, 2, 2)
    assert not too_wide(bound, ours, weight=None)
