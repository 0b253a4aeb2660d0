"""What a scheme gives on a task: the definition that every layer is checked against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from tnverify.oracle import moments as of
from tnverify.oracle.alpha import Alpha, checked_alpha
from tnverify.oracle.moments import Array, Moments, OracleError, Reduced

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Variance = Literal["biased", "unbiased"]

_RMS = ("rms_norm", "item_rms_norm")
_OWN = ("none", "layer_norm", "instance_norm", "group_norm", "per_pixel_layer_norm", *_RMS)
_KEPT = ("conventional_bn", "batch_renorm", "frozen_bn")
_BATCH = ("transductive_bn", "reptile_norm", "meta_bn")
_BLENDS = ("tasknorm_i", "tasknorm_l", "tasknorm_r")
_SCHEMES = (*_OWN, *_KEPT, *_BATCH, *_BLENDS)


@dataclass(frozen=True, slots=True, eq=False)
class SetAnswer:
    """One set, normalised. Arrays of shape (items, channels, *spatial) unless said otherwise.

    `normalized` is y, before the affine. `mean` and `var` are the moments used, of shape
    (items, channels, 1, ...), or (items, channels, *spatial) where each position has its own.
    `kappa`, of that shape too, is the largest absolute value that
    entered an item's moments, its own included, over sqrt(var + eps): how badly x - mean
    cancels. `count` is the number of values in the largest reduction behind an output.
    `dy_dalpha` is the derivative of y by alpha, 0 where nothing is blended; `alpha` is then 0.
    """

    outputs: Array
    normalized: Array
    mean: Array
    var: Array
    kappa: Array
    count: int
    dy_dalpha: Array
    alpha: Array
    roundings: int = 0
    """Roundings in this answer's own sums, of which few values have none."""


class Answer(NamedTuple):
    """What a scheme gives for a task's context and for its targets."""

    context: SetAnswer
    targets: SetAnswer


def answer(
    scheme: str,
    context: ArrayLike,
    targets: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
    variance: Variance = "biased",
    alpha: Alpha | ArrayLike | None = None,
    running: Moments | None = None,
    groups: int | None = None,
) -> Answer:
    """What `scheme` gives at meta-test for (items, channels, *spatial) context and targets.

    - `weight`, `bias`: one value per channel; left out where None.
    - `variance`: "unbiased" divides by n - 1 in every moment, as the authors' code does, and is
      NaN over a single value.
    - `alpha`: for the TaskNorm schemes, from `alpha_of` or one value (or one per channel).
    - `running`: for conventional_bn, batch_renorm and tasknorm_r.
    - `groups`: for group_norm, dividing the channels.

    Without spatial dimensions an instance is one value: its mean, with a biased variance of 0.
    Raises OracleError where something needed is missing or of a wrong shape.
    """
    if scheme not in _SCHEMES:
        raise OracleError(f"no formula for scheme {scheme!r}: known are {', '.join(_SCHEMES)}")
    context, targets = np.asarray(context, np.float64), np.asarray(targets, np.float64)
    _check(context, targets)
    channels = context.shape[1]
    gamma, beta = _per_channel("weight", weight, channels), _per_channel("bias", bias, channels)
    sets = (_as_pixels(context), _as_pixels(targets))
    unbiased = variance == "unbiased"
    # Sums of values that are poisoned, or whose squares overflow, are NaN without a warning.
    with np.errstate(all="ignore"):
        if scheme == "none":
            parts = [_untouched(values) for values in sets]
        elif scheme in _BLENDS:
            parts = _blended(
                scheme,
                sets,
                checked_alpha(scheme, alpha, channels),
                running,
                eps,
                unbiased=unbiased,
            )
        else:
            used = _moments(scheme, sets, running, groups, unbiased=unbiased)
            parts = [_normalized(values, m, eps) for values, m in zip(sets, used, strict=True)]
        answers = [
            _finished(part, x.shape, gamma, beta)
            for part, x in zip(parts, (context, targets), strict=True)
        ]
    return Answer(*answers)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A set's answer as (items, channels, pixels), before the affine."""

    normalized: Array
    mean: Array
    var: Array
    kappa: Array
    count: int
    dy_dalpha: Array
    alpha: Array
    roundings: int = 0


def _moments(
    scheme: str,
    sets: tuple[Array, Array],
    running: Moments | None,
    groups: int | None,
    *,
    unbiased: bool,
) -> tuple[Reduced, Reduced]:
    """The moments that normalise the context and those that normalise the targets."""
    context, targets = sets
    if scheme == "instance_norm":
        first, second = (of.instance_moments(x, unbiased=unbiased) for x in sets)
    elif scheme == "layer_norm":
        first, second = (of.layer_moments(x, unbiased=unbiased) for x in sets)
    elif scheme == "per_pixel_layer_norm":
        first, second = (of.pixel_moments(x, unbiased=unbiased) for x in sets)
    elif scheme == "rms_norm":
        first, second = (of.about_zero(of.pixel_moments, x) for x in sets)
    elif scheme == "item_rms_norm":
        first, second = (of.about_zero(of.layer_moments, x) for x in sets)
    elif scheme == "group_norm":
        size = _checked_groups(groups, context.shape[1])
        first, second = (of.group_moments(x, size, unbiased=unbiased) for x in sets)
    elif scheme in _KEPT:
        first = second = of.kept_moments(scheme, running, context.shape[1])
    else:
        first = second = of.batch_moments(context, unbiased=unbiased)
        if scheme == "reptile_norm":
            second = of.reptile_moments(targets, context, unbiased=unbiased)
        elif scheme == "transductive_bn" and len(targets):
            second = of.batch_moments(targets, unbiased=unbiased)
    return first, second


def _untouched(values: Array) -> _Part:
    """No normalisation: y is x, as with mean 0 and a deviation of 1."""
    zeros, ones = np.zeros((1, 1, 1)), np.ones((1, 1, 1))
    return _Part(values.copy(), zeros, ones, _own_peak(values), 1, np.zeros_like(values), zeros)


def _normalized(values: Array, used: Reduced, eps: float) -> _Part:
    """y = (x - mean) / sqrt(var + eps) (eq. (2) before the affine)."""
    deviation = np.sqrt(used.var + eps)
    y = ((values - used.mean) - used.rest) / deviation
    return _Part(
        y,
        used.mean,
        used.var,
        _peak(values, used) / deviation,
        used.count,
        np.zeros_like(y),
        np.zeros((1, 1, 1)),
        used.roundings,
    )


def _blended(
    scheme: str,
    sets: tuple[Array, Array],
    alpha: Alpha,
    running: Moments | None,
    eps: float,
    *,
    unbiased: bool,
) -> list[_Part]:
    """Context moments pooled with each item's own, or with running ones (eqs. (10), (11))."""
    context = of.batch_moments(sets[0], unbiased=unbiased)
    parts = []
    for values in sets:
        if scheme == "tasknorm_i":
            own = of.instance_moments(values, unbiased=unbiased)
        elif scheme == "tasknorm_l":
            own = of.layer_moments(values, unbiased=unbiased)
        else:
            own = of.kept_moments(scheme, running, values.shape[1])
        parts.append(_pooled(values, context, own, alpha, eps))
    return parts


def _pooled(values: Array, batch: Reduced, own: Reduced, alpha: Alpha, eps: float) -> _Part:
    a, b = alpha
    # The means differ from the pooled one by (1 - alpha) and by -alpha times this distance.
    distance = (batch.mean - own.mean) + (batch.rest - own.rest)
    mean = a * batch.mean + b * own.mean
    var = a * (batch.var + (b * distance) ** 2) + b * (own.var + (a * distance) ** 2)
    deviation = np.sqrt(var + eps)
    from_batch = (values - batch.mean) - batch.rest
    from_own = (values - own.mean) - own.rest
    y = (a * from_batch + b * from_own) / deviation
    # d mean / d alpha is the distance; d var / d alpha follows from eq. (11), written as
    # alpha var_batch + (1 - alpha) var_own + alpha (1 - alpha) distance^2.
    var_slope = batch.var - own.var + (b - a) * distance**2
    slope = -distance / deviation - y * var_slope / (2 * deviation**2)
    peak = np.maximum(_peak(values, batch), _peak(values, own))
    count, roundings = (max(batch.count, own.count), max(batch.roundings, own.roundings))
    return _Part(y, mean, var, peak / deviation, count, slope, a, roundings)


def _own_peak(values: Array) -> Array:
    """The largest absolute value of each item and channel."""
    peak: Array = np.abs(values).max(axis=2, keepdims=True, initial=0.0)
    return peak


def _peak(values: Array, used: Reduced) -> Array:
    return np.maximum(np.maximum(_own_peak(values), used.peak), np.abs(used.mean))


def _finished(
    part: _Part, shape: tuple[int, ...], gamma: Array | None, beta: Array | None
) -> SetAnswer:
    """The affine applied, and everything in the shape that was asked for."""
    outputs = part.normalized if gamma is None else gamma * part.normalized
    outputs = outputs if beta is None else outputs + beta
    small = (*shape[:2], *(1,) * (len(shape) - 2))
    mean, var, kappa, alpha = (
        _filled((*shape[:2], each.shape[2]), each).reshape(small if each.shape[2] == 1 else shape)
        for each in (part.mean, part.var, part.kappa, part.alpha)
    )
    return SetAnswer(
        outputs.reshape(shape),
        part.normalized.reshape(shape),
        mean,
        var,
        kappa,
        part.count,
        part.dy_dalpha.reshape(shape),
        alpha,
        part.roundings,
    )


def _filled(shape: tuple[int, ...], values: Array) -> Array:
    """As `np.broadcast_to`, which takes several times as long for few values."""
    filled = np.empty(shape)
    filled[...] = values
    return filled


def _as_pixels(x: Array) -> Array:
    """(items, channels, *spatial) as (items, channels, pixels); no spatial dimension is one."""
    return x.reshape(*x.shape[:2], int(np.prod(x.shape[2:], dtype=int)))


def _check(context: Array, targets: Array) -> None:
    for name, x in (("context", context), ("targets", targets)):
        if x.ndim < 2:
            raise OracleError(f"{name} has shape {x.shape}: pass (items, channels, *spatial)")
    if context.shape[1] != targets.shape[1]:
        raise OracleError(
            f"context has {context.shape[1]} channels and targets {targets.shape[1]}: they must"
            " agree"
        )


def _per_channel(name: str, values: ArrayLike | None, channels: int) -> Array | None:
    if values is None:
        return None
    flat = np.asarray(values, np.float64).reshape(-1)
    if flat.size not in (1, channels):
        raise OracleError(
            f"{name} has {flat.size} values where the task has {channels} channels: pass one"
            " per channel"
        )
    return flat.reshape(1, -1, 1)


def _checked_groups(groups: int | None, channels: int) -> int:
    if groups is None:
        raise OracleError("scheme 'group_norm' needs groups: pass the number of groups")
    if groups < 1 or channels % groups:
        raise OracleError(f"{channels} channels do not fall into {groups} equal groups")
    return groups
