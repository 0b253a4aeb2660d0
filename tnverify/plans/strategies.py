"""Strategies that draw plans, and corpora drawn from them.

Sizes are drawn first and mostly ordinary; every field shrinks towards that of `Plan()`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from tnverify.plans.menus import (
    BIASES,
    EXPONENTS,
    EXTREMES,
    LOGITS,
    OFFSETS,
    OVERRIDE_COUNTS,
    OVERRIDES,
    PASTS,
    SPREADS,
    WEIGHTS,
)
from tnverify.plans.options import KINDS, Options, Sizes, check, limited
from tnverify.plans.plan import PROFILES, Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")

LARGEST = 60_000
"""Values in both sets of a large plan, at most."""

# Hypothesis likes constants of 100 and more that it finds in the sources of local modules: a
# corpus drawn from ranges that reach so far would depend on the user's code.
_SEEDS = 100
_POSITIONS = 64
_OF_SEEDS = 4
"""One seed in so many has twins, and one subnormal values."""

# The plainest first; an ordinary size for four plans in five.
_MIXED = (*KINDS["edge"], *KINDS["ordinary"] * 28, *KINDS["large"])


def plans(
    *,
    min_context: int = 1,
    max_context: int | None = None,
    min_targets: int = 0,
    max_targets: int | None = None,
    min_channels: int = 1,
    max_channels: int | None = None,
    min_side: int = 1,
    max_side: int | None = None,
    rank: int = 2,
    step: int = 1,
    allow_past: bool = False,
) -> SearchStrategy[Plan]:
    """Plans of tasks, most of them small and a few as large as real use.

    - `min_context`, `max_context`, `min_targets`, `max_targets`: limits of the numbers of items.
      Most plans have up to 6 and 5, a few dozens; what lies outside a limit is moved onto it.
    - `min_channels`, `max_channels`: limits of the channels, which are a multiple of `step` and
      at most 5 times it.
    - `min_side`, `max_side`: limits of the size of each of the `rank` spatial dimensions (0 to 3
      of them). Most sides are up to 4, a few from 10 to 30.
    - `allow_past`: whether most plans have one or two earlier tasks; without it none has.

    Without limits four plans in five have two or more context items, targets and channels, and
    sides of two or more; a large one has at most LARGEST values, unless the minima need more.
    Shrinks towards fewer and smaller everything, the plainest profile, seed 0, no offset,
    weight 1, bias 0 and alpha 1/2. Raises InvalidArgument when first drawn from.
    """
    return _any_plan(
        Options(
            (min_context, max_context),
            (min_targets, max_targets),
            (min_channels, max_channels),
            (min_side, max_side),
            rank,
            step,
            allow_past,
        )
    )


def corpus(
    seed: int,
    size: int,
    *,
    min_context: int = 1,
    max_context: int | None = None,
    min_targets: int = 0,
    max_targets: int | None = None,
    min_channels: int = 1,
    max_channels: int | None = None,
    min_side: int = 1,
    max_side: int | None = None,
    rank: int = 2,
    step: int = 1,
    allow_past: bool = False,
) -> list[Plan]:
    """`size` distinct plans, the same at every call with the same arguments.

    Of every eight in a row the fourth has an edge (one pixel, one context item, one channel,
    at most one target) and the eighth is large. A smaller corpus is the start of a larger one.
    No profile of Hypothesis' settings, database or seed of the caller's changes what is drawn.
    Options are those of `plans`; raises InvalidArgument as it does.
    """
    options = Options(
        (min_context, max_context),
        (min_targets, max_targets),
        (min_channels, max_channels),
        (min_side, max_side),
        rank,
        step,
        allow_past,
    )
    # Dictionaries, because a plan that was drawn before must not be drawn again.
    kinds: dict[str, dict[Plan, None]] = {"edge": {}, "ordinary": {}, "large": {}}
    wanted = [_OCTET[position % 8] for position in range(size)]
    needed = {kind: wanted.count(kind) for kind in kinds}
    batch = 0
    # It ends: seeds, profiles and parameters alone make millions of plans of any size.
    while any(len(kinds[k]) < needed[k] for k in kinds):  # pragma: no mutate: more do no harm
        # Edges and large sizes take turns, and every seed begins with others.
        for octet in _drawn(_octets(options, seed + 2 * batch + 1), f"{seed}/{batch}"):
            for kind, plan in zip(_OCTET, octet, strict=True):  # pragma: no mutate: eight of either
                if not any(plan in found for found in kinds.values()):
                    kinds[kind][plan] = None
        batch += 1
    drawn = {kind: iter(found) for kind, found in kinds.items()}
    return [next(drawn[kind]) for kind in wanted]


_OCTET = ("ordinary",) * 3 + ("edge",) + ("ordinary",) * 3 + ("large",)


def _drawn(octets: SearchStrategy[list[list[Plan]]], at_seed: str) -> list[list[Plan]]:
    """Two octets of plans, or none by a rare chance."""
    found: list[list[Plan]] = []

    # Every setting is given, so that none comes from a profile, not even where CI is set; a seed
    # given here goes before derandomize and before pytest's --hypothesis-seed. Two examples, the
    # plainest and a random one, because from the third on Hypothesis repeats parts of earlier
    # ones, which is good for finding failures and bad for covering much with few plans.
    @seeded(at_seed)
    @settings(
        max_examples=2,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
        backend="hypothesis",
    )
    @given(octets)
    def collect(drawn: list[list[Plan]]) -> None:
        found.extend(drawn)

    collect()
    return found


@st.composite
def _any_plan(draw: DrawFn, options: Options) -> Plan:
    check(options)
    return _plan(draw, options, _MIXED)


@st.composite
def _octets(draw: DrawFn, options: Options, turn: int) -> list[list[Plan]]:
    check(options)
    if _between(draw, 0, _SEEDS - 1) == 0:
        return []  # the plainest example, which would only cost time
    octets = []
    for later in range(2):
        sizes = (KINDS[kind][(turn + later) % len(KINDS[kind])] for kind in _OCTET)
        octets.append([_plan(draw, options, (each,)) for each in sizes])
    return octets


def _plan(draw: DrawFn, options: Options, variants: tuple[Sizes, ...]) -> Plan:
    """A plan of one of these sizes.

    Whatever was drawn before, the same number of draws follows, as far as it goes: a shrinker
    that makes one choice plainer then leaves the others as they were.
    """
    sizes = _pick(draw, variants)
    context, targets, channels, spatial = _draw_sizes(draw, options, sizes)
    scale, alpha_offset = _draw_alpha(draw, context, often=sizes in KINDS["edge"])
    profile, seed = _pick(draw, PROFILES), _between(draw, 0, _SEEDS - 1)
    exponent, offset = _pick(draw, EXPONENTS), _pick(draw, OFFSETS)
    past = _pick(draw, PASTS) if options.allow_past else 0
    overridden = _pick(draw, OVERRIDE_COUNTS)
    weights, biases = (_between(draw, 1, min(channels, 4)) for _ in range(2))
    return Plan(
        context=context,
        targets=targets,
        channels=channels,
        spatial=spatial,
        profile=profile,
        seed=seed,
        exponent=exponent,
        offset=offset,
        scale=scale,
        alpha_offset=alpha_offset,
        past=past,
        spread=SPREADS[seed % len(SPREADS)],
        twins=seed % _OF_SEEDS == 1,
        subnormal=seed % _OF_SEEDS == 2,
        # The first weight is not zero, so that no plan is silent in every channel.
        weight=(_pick(draw, WEIGHTS[:-1]), *(_pick(draw, WEIGHTS) for _ in range(weights - 1))),
        bias=tuple(_pick(draw, BIASES) for _ in range(biases)),
        overrides=tuple(
            (_between(draw, 0, 1), _between(draw, 0, _POSITIONS - 1), _pick(draw, OVERRIDES))
            for _ in range(overridden)
        ),
    )


def _draw_sizes(
    draw: DrawFn, options: Options, sizes: Sizes
) -> tuple[int, int, int, tuple[int, ...]]:
    """Context items, target items, channels and spatial shape."""
    context = _between(draw, *limited(sizes.context, *options.context))
    targets = _between(draw, *limited(sizes.targets, *options.targets))
    step, (least, most) = options.step, options.channels
    in_steps = (-(-least // step), None if most is None else most // step)
    channels = step * _between(draw, *limited(sizes.channels, *in_steps))
    sides = limited(sizes.side, *options.side)
    spatial = tuple(_between(draw, *sides) for _ in range(options.rank))
    if sizes in KINDS["large"]:
        return _fitted(context, targets, channels, spatial, options)
    return context, targets, channels, spatial


def _fitted(
    context: int, targets: int, channels: int, spatial: tuple[int, ...], options: Options
) -> tuple[int, int, int, tuple[int, ...]]:
    """A large plan's sizes: sides, then context, then targets halved until values are few."""
    least_side, least_context, least_targets = (
        max(2, limits[0]) for limits in (options.side, options.context, options.targets)
    )
    while (context + targets) * channels * prod(spatial) > LARGEST:
        longest = max(spatial, default=0)  # pragma: no mutate: vectors have no side to halve
        if longest > least_side:
            spatial = tuple(min(side, max(longest // 2, least_side)) for side in spatial)
        elif context > least_context:
            context = max(context // 2, least_context)
        elif targets > least_targets:
            targets = max(targets // 2, least_targets)
        else:
            break
    return context, targets, channels, spatial


def _draw_alpha(draw: DrawFn, context: int, *, often: bool) -> tuple[float, float]:
    """Scale and offset of alpha: beyond (0.01, 0.99) for half the plans if `often`, else for one
    in sixteen.

    What is drawn is scale times the context size, roughly, so that large contexts do not all
    saturate; the scale is that over a power of two, and so is exact in every dtype.
    """
    if _between(draw, 0, 15) >= (8 if often else 15):
        argument, which = _pick(draw, EXTREMES), _between(draw, 0, len(LOGITS) - 1)
        # A context size is more than half the power of two that its scale is divided by.
        along, offset = (2 * argument, 0.0) if which % 2 else (0.0, argument)
    else:
        along, offset = _pick(draw, LOGITS), _pick(draw, LOGITS)
    return along / 2.0 ** (context - 1).bit_length(), offset


def _between(draw: DrawFn, low: int, high: int) -> int:
    """A number from low to high, both included; shrinks to low."""
    return draw(st.integers(low, high))


def _pick(draw: DrawFn, menu: Sequence[T]) -> T:
    """One of the menu's entries; shrinks to the first."""
    return menu[_between(draw, 0, len(menu) - 1)]
