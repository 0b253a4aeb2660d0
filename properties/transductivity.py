"""Whether a prediction depends on the other targets: the question asked most.

A transductive layer predicts p(y | all targets, context) where an inductive one predicts
p(y | this target, context) (paper, section 2.3 and eq. (5)). Transduction inflates accuracy by
tens of points and is gone when targets come one at a time. No flow is certified three ways:
by replacing values, by exact zeros of the Jacobian, and by poison.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from tnverify.catalogue import law
from tnverify.contract import SubjectRaised
from tnverify.tolerances import expect_close, expect_same, says_nothing

from .derived import (
    expect_changed,
    expect_no_flow,
    may_not,
    plain,
    reach,
    weights_for,
    with_targets,
)

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor

    from tnverify.contract import Claims, Draw, Prober, Task

FAMILY = "transductivity"
SOURCE = "section 2.3, eq. (5)"


def unless_transductive(claims: Claims) -> str | None:
    """Why these laws are not claimed: the scheme reads the other targets, and says so."""
    if may_not(claims, "target", "other_targets"):
        return None
    return f"{claims.scheme.called} reads the other targets, as it claims"


@law(family=FAMILY, kind="exact", source=SOURCE, claimed=unless_transductive, wide=5)
def a_target_ignores_the_other_targets(norm: Prober, task: Task, draw: Draw) -> None:
    """A target's output is the same whatever the other targets are.

    Some targets are kept and the others replaced, now and then by extreme values; two fresh
    instances see sets of one shape, so the outputs of the kept ones must agree bit for bit.
    A violation means transduction: accuracy measured on whole target sets will not be had when
    targets come one at a time. Take moments from the context and the item's own values only;
    a batch norm left in train() at prediction is the usual cause.
    """
    task = with_targets(task, 2, draw)
    kept = draw.subset(len(task.targets))
    others = draw.noise(task.targets)
    if draw.index(2):
        others = others * (reach(task, 2.0**14) * 2.0**12)
    mask = kept.to(task.device).view(-1, *(1,) * (task.targets.dim() - 1))
    replaced = task.with_sets(targets=torch.where(mask, task.targets, others))
    before, after = norm.run(task).targets, norm.run(replaced).targets
    names = [i for i in range(len(kept)) if not kept[i]]
    expect_same(
        after[kept],
        before[kept],
        f"kept targets after targets {names} were replaced",
        symptom="flow",
    )


@law(family=FAMILY, kind="rounded", source=SOURCE, claimed=unless_transductive)
def a_target_ignores_how_many_targets_there_are(norm: Prober, task: Task, draw: Draw) -> None:
    """A target's output is the same in a larger or a smaller target set.

    All targets but one are dropped, or all are repeated several times. Where only the count of
    targets is read, as by an alpha computed from the size of whatever set is passed, replacing
    targets shows nothing, and this law does. `any_partition_of_the_targets_gives_the_same_outputs`
    covers smaller sets met by one conditioned instance; larger ones are met here alone.
    """
    bound = norm.bound(task).targets
    before = norm.run(task).targets
    count = len(task.targets)
    if count > 1 and draw.index(2):
        one = draw.index(count)
        alone = task.with_sets(targets=task.targets[one : one + 1].clone())
        expect_close(
            norm.run(alone).targets,
            before[one : one + 1],
            2 * bound[one : one + 1],
            f"target {one} on its own",
            symptom="flow",
        )
        return
    if count == 0:
        says_nothing("there is no target")
    copies = max(2, min(36 // count + 1, 4096 // max(1, task.targets.numel())))
    repeat = (copies, *(1,) * (task.targets.dim() - 1))
    many = norm.run(task.with_sets(targets=task.targets.repeat(repeat))).targets
    expect_close(
        many,
        before.repeat(repeat),
        2 * bound.repeat(repeat),
        f"each target {copies} times",
        symptom="flow",
    )


_POISONS = (math.nan, math.inf, -math.inf)


@law(family=FAMILY, kind="exact", source=SOURCE, level="should", claimed=unless_transductive)
def a_poisoned_target_poisons_only_itself(norm: Prober, task: Task, draw: Draw) -> None:
    """A target that holds NaN spoils its own output and no other's.

    Or an infinite value of either sign. A layer that leaves the targets out of its moments by
    multiplying them with a mask of zeros spreads it, though nothing else flows: hence a law of the
    second level. In deployment one broken image would take down its whole batch. Index instead of
    masking.
    """
    task = with_targets(task, 2, draw)
    count = len(task.targets)
    one = draw.index(count)
    poisoned = task.targets.clone()
    poison = _POISONS[draw.index(len(_POISONS))]
    poisoned[one] = poison
    others = [i for i in range(count) if i != one]
    before, after = norm.run(task).targets, norm.run(task.with_sets(targets=poisoned)).targets
    expect_same(
        after[others],
        before[others],
        f"the other targets after target {one} became {poison}",
        symptom="flow",
    )


@law(family=FAMILY, kind="exact", source=SOURCE, claimed=unless_transductive)
def no_gradient_flows_between_targets(norm: Prober, task: Task, draw: Draw) -> None:
    """A target's output has no derivative by another target.

    The block of the Jacobian is exactly zero. A violation with `a_target_ignores_the_other_targets`
    held means that values agree but training does not: the other targets enter through a term
    that cancels in the forward pass alone, such as a straight-through correction.
    """
    task = with_targets(task, 2, draw)
    probe = norm.fresh(task)
    with torch.no_grad():
        _, state = probe.condition(task.context.clone())
    targets = task.targets.clone().requires_grad_()
    outputs = probe.normalize(targets, state)
    one = draw.index(len(targets))
    weights = torch.zeros_like(outputs)
    weights[one] = weights_for(draw, outputs)[one]
    (gradient,) = probe.grad(outputs, [targets], grad_output=weights)
    others = [i for i in range(len(targets)) if i != one]
    expect_no_flow(gradient[others], f"the output of target {one} by the other targets")


@law(family=FAMILY, kind="rounded", source="section 1.1 of the set-up: targets are a set")
def permuting_targets_permutes_outputs(norm: Prober, task: Task, draw: Draw) -> None:
    """Targets in another order give the same outputs in that order.

    Claimed of every scheme, the transductive ones too, which is why it stays beside
    `any_partition_of_the_targets_gives_the_same_outputs`. A violation means that a target's place
    in its batch matters: a kernel's remainder handled apart, an item used as a reference, a
    per-position buffer. `equal_counts_of_items_and_channels_change_nothing` permutes as well, but
    only sets of as many items as channels.
    """
    count = len(task.targets)
    if count < 2:
        says_nothing("fewer than two targets have one order")
    order = draw.order(count)
    after = norm.run(task.with_sets(targets=task.targets[order])).targets
    expect_close(
        after,
        norm.run(task).targets[order],
        2 * norm.bound(task).targets[order],
        f"targets met in the order {order}",
    )


@law(family=FAMILY, kind="exact", source="section 2.3; protocol: the context comes first")
def targets_do_not_reach_the_context_outputs(norm: Prober, task: Task, draw: Draw) -> None:
    """The context's outputs are the same whatever targets follow.

    They are looked at again after the targets were normalised, and once more after the context
    was conditioned on a second time. A violation means that predictions change what the learner
    knows of the task: a workspace shared by both calls, or moments into which targets are folded.
    """
    probe = norm.fresh(task)
    with torch.no_grad():
        outputs, state = probe.condition(task.context.clone())
        before = outputs.clone()
        probe.normalize(task.targets.clone(), state)
        expect_same(
            outputs, before, "the context outputs, looked at after the target pass", symptom="flow"
        )
        again = probe.condition(task.context.clone())[0].clone()
    if torch.equal(again, before):
        return
    # It drifts. Whether the targets are the cause shows from equal starting states.
    probe = norm.fresh(task)
    with torch.no_grad():
        _, state = probe.condition(task.context.clone())
        probe.normalize(draw.noise(task.targets), state)
        other = probe.condition(task.context.clone())[0]
    expect_same(
        other, again, "the context outputs after other targets were normalised", symptom="flow"
    )


_WAYS = ("autocast", "inference_mode", "gradients", "maps of another size", "one tensor")


@law(family=FAMILY, kind="exact", source=SOURCE, claimed=unless_transductive, max_tasks=4)
def a_target_ignores_the_others_however_it_is_called(norm: Prober, task: Task, draw: Draw) -> None:
    """Under autocast, in inference mode and with gradients too, targets keep to themselves.

    Or on maps of another size than the context's, and where both sets are slices of one tensor. A
    violation means that the layer takes another path there: one that was written for training,
    for half precision or for maps that it has not met, with moments of the batch. What was tested
    is then not what is used.
    """
    task = with_targets(task, 2, draw)
    kept = draw.subset(len(task.targets))
    mask = kept.to(task.device).view(-1, *(1,) * (task.targets.dim() - 1))
    replaced = task.with_sets(targets=torch.where(mask, task.targets, draw.noise(task.targets) * 8))
    larger = torch.cat([task.targets, replaced.targets], -1) if task.spatial else None
    for way in _WAYS:
        pair = [task, replaced]
        if way == "maps of another size":
            if larger is None:
                continue
            twice = torch.cat([replaced.targets] * 2, -1)
            both = torch.where(mask, larger, twice)
            pair = [task.with_sets(targets=values) for values in (larger, both)]
        before, after = (_called_so(norm, each, way) for each in pair)
        if before is not None and after is not None:
            expect_same(
                after[kept],
                before[kept],
                f"kept targets after the others were replaced, with {way}",
                symptom="flow",
            )


def _called_so(norm: Prober, task: Task, way: str) -> Tensor | None:
    """A fresh instance's target outputs, called in this way, of whatever dtype they then are; None
    where the layer is not called so."""
    probe = norm.fresh(task, lend=way == "one tensor")
    ways: dict[str, AbstractContextManager[Any]] = {
        "autocast": torch.autocast(task.device.type, torch.bfloat16),
        "inference_mode": torch.inference_mode(),
        "gradients": torch.enable_grad(),
    }
    context, given = task.context.clone(), task.targets.clone()
    if way == "gradients":
        context, given = context.requires_grad_() * 1, given.requires_grad_() * 1
    elif way == "one tensor":
        both = torch.cat([context, given])
        context, given = both[: len(context)], both[len(context) :]
    try:
        with ways.get(way, torch.no_grad()):
            # Under autocast other dtypes are to be expected, which the probe would object to.
            called = probe.norm if way == "autocast" else probe
            _, state = called.condition(context)
            return called.normalize(given, state).detach().double().clone()
    except Exception as error:
        may_refuse = way == "autocast" or isinstance(error, SubjectRaised)
        if way not in ("autocast", "maps of another size") or not may_refuse:
            raise
        return None


def unless_claimed_transductive(claims: Claims) -> str | None:
    """Why the law is not claimed: only a transductive scheme must read the other targets."""
    if "other_targets" in claims.must_read("target"):
        return None
    return f"{claims.scheme.called} does not claim to read the other targets"


@law(
    family=FAMILY,
    kind="exact",
    source="section 3.2, eqs. (3), (4)",
    claimed=unless_claimed_transductive,
)
def other_targets_that_are_claimed_are_read(norm: Prober, task: Task, draw: Draw) -> None:
    """A layer that claims to read the other targets does read them.

    A claim is two-sided: a layer called transductive that ignores its batch is another scheme,
    and comparing it under this name misleads. Claim what it is. `outputs_agree_with_the_formula`
    sees that the values are wrong; this says whose are missing.
    """
    task = plain(with_targets(task, 2, draw))
    one = draw.index(len(task.targets))
    step = 4 * reach(task, 16)
    sides = []
    for sign in (step, -step):
        moved = task.targets + sign
        moved[one] = task.targets[one]
        sides.append(norm.run(task.with_sets(targets=moved)).targets[one])
    expect_changed(sides[1], sides[0], f"target {one} after all others were moved by {2 * step:g}")


LAWS = (
    a_target_ignores_the_other_targets,
    a_target_ignores_the_others_however_it_is_called,
    a_target_ignores_how_many_targets_there_are,
    a_poisoned_target_poisons_only_itself,
    no_gradient_flows_between_targets,
    permuting_targets_permutes_outputs,
    targets_do_not_reach_the_context_outputs,
    other_targets_that_are_claimed_are_read,
)
