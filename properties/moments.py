"""Moments: the mean and variance that normalise an item, and the affine that follows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from tnverify.catalogue import law
from tnverify.contract import Run, SaysNothing, SubjectRaised
from tnverify.tolerances import expect_close, expect_same, not_claimed, says_nothing, unit

from .agreement import (
    bias_of,
    deviation,
    expect_alike,
    expect_formula,
    name_of,
    pixels,
    power_of_two,
    tensor,
    trimmed,
    twice,
    weight_of,
)
from .cancellation import told_from_cancellation
from .oddness import negated_values_give_negated_outputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from tnverify.contract import Claims, Draw, Prober, Task

_OVER_BATCH = frozenset({"meta_bn", "reptile_norm", "transductive_bn"})
_NOMINAL_EPS = 1e-5
_TOLD_BY_EPS = 1e6
"""Variances below this are moved by eps in float64."""


def _has_formula(claims: Claims) -> str | None:
    return None if claims.has_formula else "inductive claims no formula"


@law(
    family="moments",
    kind="rounded",
    claimed=_has_formula,
    wide=1,
    source="eqs. (2) to (11), those of the claimed scheme",
)
@told_from_cancellation
def outputs_agree_with_the_formula(norm: Prober, task: Task) -> None:
    """Context and target outputs are what the claimed scheme's formula gives.

    The formula is evaluated in float64 with exact sums, and the difference must be within what
    rounding explains. A violation means that the layer is not the scheme that it claims to be:
    see which other laws fail, they say in which respect; `identify` names the nearest scheme.
    It is the widest law: it sees what has no law of its own, on tasks of every size.
    """
    expect_formula(norm, task, "against the formula")


@law(
    family="moments",
    kind="rounded",
    claimed=_has_formula,
    needs=("weight",),
    source="eq. (2): a' = gamma (a - mu) / sqrt(var + eps) + beta",
)
def the_affine_comes_last(norm: Prober, task: Task) -> None:
    """Outputs are weight * y + bias, y being the outputs with weight one and bias zero.

    It needs no formula for y, but is asked where one is claimed: other layers may have weights in
    other places. A violation means that weight or bias enter before the moments are taken,
    multiply each other, or are not used channel by channel.
    """
    weight, bias = weight_of(norm, task), bias_of(norm, task)
    if bool((weight == 1).all()) and not bool(bias.any()):
        says_nothing("every weight is one and every bias zero")
    plain = task.with_parameters(weight=(1.0,) * task.channels, bias=(0.0,) * task.channels)
    y, own, run, bound = norm.run(plain), norm.bound(plain), norm.run(task), norm.bound(task)
    wanted = Run(*(each.double() * weight + bias for each in y))
    allowed = Run(*(b + weight.abs() * o for b, o in zip(bound, own, strict=True)))
    expect_alike(run, wanted, allowed, "against weight * y + bias")


def _cancels(claims: Claims) -> str | None:
    scheme = claims.scheme
    if scheme.name == "none":
        return "none normalises nothing"
    if scheme.mixes_channels:
        return f"{scheme.called} normalises channels together"
    return f"{scheme.called} holds moments of its own" if scheme.holds_moments else None


@law(
    family="moments",
    kind="rounded",
    claimed=_cancels,
    needs=("eps",),
    source="eqs. (2) to (4), (8), (9): moments follow an affine map of their channel",
)
def scaling_and_shifting_a_channel_cancels(norm: Prober, task: Task) -> None:
    """Scaling a channel by s and shifting it, in both sets, cancels if eps is s^2 as large.

    A violation means that eps is not the number that the layer says it is (a constant is used
    instead, or it is scaled by something), or that values are compared with an absolute number
    on the way. The number of eps itself is only seen here: elsewhere every task has the same.
    """
    task = trimmed(task)
    channel = task.salt % task.channels
    factor = (4.0, 0.25, 16.0, 0.0625)[task.salt % 4]
    distance = float(power_of_two(deviation(task.context))[0, channel].item())
    shift = (0.0, 3.0, -2.0)[task.salt % 3] * distance * factor

    def mapped(values: Tensor) -> Tensor:
        moved = values.clone()
        moved[:, channel] = (values[:, channel].double() * factor + shift).to(values.dtype)
        return moved

    scaled = replace(task, context=mapped(task.context), targets=mapped(task.targets))
    before, after = norm.with_eps(_NOMINAL_EPS), norm.with_eps(_NOMINAL_EPS * factor**2)
    weight = weight_of(norm, task)[:, channel].abs()
    first, second = before.run(task), after.run(scaled)
    bounds = before.bound(task), after.bound(scaled)
    answer = after.expected(scaled)
    # Shifted values are rounded once more, which moves y by at most this many roundings.
    u = unit(task.dtype)
    for name in ("context", "targets"):
        came, wanted = getattr(second, name)[:, channel], getattr(first, name)[:, channel]
        side = getattr(answer, name)
        kappa = tensor(side.kappa, came)[:, channel]
        y = tensor(side.normalized, came)[:, channel].abs()
        allowed = getattr(bounds[0], name)[:, channel] + getattr(bounds[1], name)[:, channel]
        if shift:
            allowed = allowed + weight * 2 * u * kappa * (2 + y)
        expect_close(
            came,
            wanted,
            allowed,
            f"{name_of(name)} of channel {channel} times {factor:g} plus {shift:g}, eps times"
            f" {factor**2:g}{_of_eps(before, after, task)}",
        )


def _of_eps(before: Prober, after: Prober, task: Task) -> str:
    """What to add where two values of eps that are far apart give the very same outputs."""
    alike = all(torch.equal(a, b) for a, b in zip(before.run(task), after.run(task), strict=True))
    told = deviation(task.context).square().amax() < _TOLD_BY_EPS
    return " (setting eps changes nothing: it is ignored)" if alike and bool(told) else ""


def _keeps_channels_apart(claims: Claims) -> str | None:
    mixes = claims.scheme.mixes_channels
    return f"{claims.scheme.called} may mix channels" if mixes else None


@law(
    family="moments",
    kind="exact",
    claimed=_keeps_channels_apart,
    source="eqs. (3), (4), (8), (9): one mean and variance per channel",
)
def channels_do_not_mix(norm: Prober, task: Task, draw: Draw) -> None:
    """The values of one channel do not change the outputs of another, bit for bit.

    A violation means that moments are reduced over the channels too, or are broadcast against
    the wrong dimension (a missing `keepdim`, a reshape that confuses items and channels).
    """
    if task.channels < 2:
        says_nothing("there is one channel only")
    changed = draw.index(task.channels)
    others = [c for c in range(task.channels) if c != changed]

    def replaced(values: Tensor) -> Tensor:
        other = values.clone()
        other[:, changed] = draw.noise(values)[:, changed]
        return other

    swapped = task.with_sets(replaced(task.context), replaced(task.targets))
    first, second = norm.run(task), norm.run(swapped)
    for name in ("context", "targets"):
        expect_same(
            getattr(second, name)[:, others],
            getattr(first, name)[:, others],
            f"{name_of(name)} of the other channels after channel {changed} was replaced",
            symptom="flow",
        )


def _knows_places(norm: Prober, task: Task) -> bool:
    """Whether outputs on maps of equal values tell where in the map they are."""
    flat = task.with_sets(*(torch.full_like(x, 1.5) for x in (task.context, task.targets)))
    run, bound = norm.run(flat), twice(norm.bound(task))
    first = (slice(None), slice(None), *(slice(1) for _ in task.spatial))
    return any(
        bool(((outputs - outputs[first]).abs() > allowed).any())
        for outputs, allowed in zip(run, bound, strict=True)
    )


_SIDE = 5
"""A map with several pixels at several distances from its middle one, in each direction."""


def _knows_neighbours(norm: Prober, task: Task) -> bool:
    """Tell whether one pixel in a map of equal values moves those in line with it unequally.

    Moments that are taken over lines, or without borders, move all pixels of a line alike.
    """
    spatial = tuple(max(_SIDE, side) for side in task.spatial)
    middle = tuple(side // 2 for side in spatial)
    other = task.with_sets(
        *(x.new_full((*x.shape[:2], *spatial), 1.5) for x in (task.context, task.targets))
    )
    pixel: tuple[slice | int, ...] = (slice(None), slice(None), *middle)
    for values in (other.context, other.targets):
        values[pixel] = -2.5
    try:
        run, bound = norm.run(other), twice(norm.bound(other))
    except (SaysNothing, SubjectRaised):
        return False
    for outputs, allowed in zip(run, bound, strict=True):
        for axis, at in enumerate(middle):
            beside = [n for n in range(spatial[axis]) if n != at]
            kept, room = (_along(axis, middle, x)[..., beside] for x in (outputs, allowed))
            if bool(((kept - kept[..., :1]).abs() > room).any()):
                return True
    return False


def _along(axis: int, middle: tuple[int, ...], values: torch.Tensor) -> torch.Tensor:
    """The values of each map in line with its middle pixel, along one axis."""
    for other in reversed(range(len(middle))):
        if other != axis:
            values = values.select(2 + other, middle[other])
    return values


@law(
    family="moments",
    kind="rounded",
    source="eqs. (3) to (9): moments are sums over positions, whatever their order",
)
@told_from_cancellation
def shuffling_pixels_shuffles_outputs(norm: Prober, task: Task, draw: Draw) -> None:
    """Moving the pixels of an item about moves its outputs alike and changes nothing else.

    A violation means that positions are not treated alike: borders are left out, statistics are
    taken from a subsample, or two items are combined position by position. Folding maps to other
    numbers of dimensions may show the same; this law needs no other rank to be accepted.
    """
    if task.context.dim() < 3:
        not_claimed("the layer takes no maps")
    if pixels(task) < 2:
        says_nothing("maps have a single pixel")
    if not norm.claims.has_formula and _knows_places(norm, task):
        not_claimed(
            "on maps of equal values its outputs differ from pixel to pixel, as behind a"
            " convolution with padding: where a pixel lies is meant to count"
        )
    if not norm.claims.has_formula and _knows_neighbours(norm, task):
        not_claimed(
            "one pixel moves equal pixels beside it by how far away they are, as behind a"
            " convolution: where pixels lie is meant to count"
        )

    def order(values: Tensor) -> Tensor:
        drawn = draw.uniform(values.new_empty((values.shape[0], pixels(task))))
        return drawn.argsort(1).unsqueeze(1).expand(-1, values.shape[1], -1)

    def shuffler(values: Tensor) -> Callable[[Tensor], Tensor]:
        places = order(values)
        return lambda x: x.flatten(2).gather(2, places).reshape(x.shape)

    of_context, of_targets = shuffler(task.context), shuffler(task.targets)

    def shuffled(run: Run) -> Run:
        return Run(of_context(run.context), of_targets(run.targets))

    moved = task.with_sets(of_context(task.context), of_targets(task.targets))
    allowed = twice(shuffled(norm.bound(task)))
    expect_alike(norm.run(moved), shuffled(norm.run(task)), allowed, "after pixels were shuffled")


def _own_dimensions(claims: Claims, name: str, values: Tensor) -> tuple[int, ...] | None:
    """Over which dimensions these outputs are standardised; None where over no set of its own."""
    scheme, space = claims.scheme.name, tuple(range(2, values.dim()))
    if scheme == "instance_norm":
        return space
    if scheme == "layer_norm":
        return (1, *space)
    if scheme in _OVER_BATCH and (name == "context" or scheme == "transductive_bn"):
        return (0, *space)
    return None


def _standardises(claims: Claims) -> str | None:
    named = claims.scheme.name in {*_OVER_BATCH, "instance_norm", "layer_norm"}
    return None if named else f"{claims.scheme.called} does not normalise a set by its own moments"


@law(
    family="moments",
    kind="rounded",
    claimed=_standardises,
    source="eq. (2) before the affine, with the moments of eqs. (3), (4), (6) to (9)",
)
@told_from_cancellation
def outputs_have_zero_mean_and_the_right_variance(norm: Prober, task: Task) -> None:
    """A set normalised by its own moments has mean zero and variance v / (v + eps).

    It looks at outputs alone, where the formula looks at each value: agreement with the formula
    sees whatever this law sees, and this one says in which respect it fails. A variance off by
    n / (n - 1) is the other convention: declare `unbiased`. A mean off zero is a mean over the
    wrong dimensions.
    """
    run, bound, answer = norm.run(task), norm.bound(task), norm.expected(task)
    weight, bias = weight_of(norm, task), bias_of(norm, task)
    if not bool(weight.all()):
        says_nothing("a weight of zero hides what was normalised")
    spoke = False
    for name in ("context", "targets"):
        outputs = getattr(run, name)
        dims = _own_dimensions(norm.claims, name, outputs)
        if dims is None or not outputs.numel():
            continue
        count = int(torch.Size(outputs.shape[d] for d in dims).numel())
        if count < 2:
            continue
        spoke = True
        y = (outputs.double() - bias) / weight
        allowed = getattr(bound, name) / weight.abs()
        exact = tensor(getattr(answer, name).normalized, outputs)
        # The law's own sums are in float64, over values that are not larger than these.
        own = unit(torch.float64) * (count + 8) * (1 + exact.abs().amax(dims, keepdim=True))
        mean = y.mean(dims, keepdim=True)
        off = allowed.mean(dims, keepdim=True) + own
        expect_close(mean, torch.zeros_like(mean), off, f"the mean of {name_of(name)}")
        came = (y - mean).square().mean(dims, keepdim=True)
        # The mean square of the exact y is v / (v + eps), v by the convention that is claimed.
        wanted = exact.square().mean(dims, keepdim=True)
        rms = allowed.square().mean(dims, keepdim=True).sqrt()
        expect_close(
            came, wanted, 2 * rms + rms.square() + 4 * own, f"the variance of {name_of(name)}"
        )
    if not spoke:
        says_nothing("each value is normalised by moments of itself alone")


def _has_eps(claims: Claims) -> str | None:
    return "none has no eps" if claims.scheme.name == "none" else _has_formula(claims)


@law(
    family="moments",
    kind="rounded",
    claimed=_has_eps,
    source="eq. (2): sqrt(var + eps)",
)
@told_from_cancellation
def eps_is_inside_the_root(norm: Prober, task: Task) -> None:
    """With variances about as large as eps, outputs still are those of sqrt(var + eps).

    The law scales the task until its variance is near 1e-5. A violation means that eps is added
    to the deviation instead of the variance, that the variance is clamped to a smallest value,
    or that channels of small variance are passed by. Agreement with the formula sees the first
    of these on any task, but not what is done to small variances alone.
    """
    task = trimmed(task)
    spread = float(deviation(task.context).square().mean())
    if spread == 0:
        says_nothing("the context is constant")
    exponent = round(torch.log2(torch.tensor(_NOMINAL_EPS / spread)).item() / 2)
    factor = 2.0 ** (exponent + task.salt % 3 - 1)
    small = replace(
        task,
        context=(task.context.double() * factor).to(task.dtype),
        targets=(task.targets.double() * factor).to(task.dtype),
        past=tuple((c * factor, t * factor) for c, t in task.past),
    )
    expect_formula(norm, small, "with variances near eps")


LAWS = (
    outputs_agree_with_the_formula,
    the_affine_comes_last,
    scaling_and_shifting_a_channel_cancels,
    channels_do_not_mix,
    shuffling_pixels_shuffles_outputs,
    outputs_have_zero_mean_and_the_right_variance,
    eps_is_inside_the_root,
    negated_values_give_negated_outputs,
)
