"""What decides a claim: comparisons that a program can make, each with its direction.

A requirement is plain data; `verdicts.find` says whether evidence meets it. Accuracies and
differences are in percent (points).
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from tnverify.analyses.paper.rules import Needs
from tnverify.analyses.paper.schemes import Arm

if TYPE_CHECKING:
    from tnverify.analyses.paper.evidence import Setting


@dataclass(frozen=True, slots=True)
class Above:
    """`first` minus `second` exceeds `by`.

    `scope` is "mean" for the mean over configurations, "each" for every one of them. A negative
    `by` asks that the first be no more than that below the second.
    """

    setting: Setting
    first: Arm
    second: Arm
    by: float = 0.0
    scope: Literal["mean", "each"] = "mean"

    def __str__(self) -> str:
        if self.by < 0:
            relation = f"at most {-self.by:g} points below"
        else:
            relation = f"more than {self.by:g} points above" if self.by else "above"
        where = "on average" if self.scope == "mean" else "on every configuration"
        return f"{self.first} is {relation} {self.second} {where} ({self.setting})"


@dataclass(frozen=True, slots=True)
class GroupAbove:
    """The mean of the arms of `higher` exceeds that of `lower`, on average."""

    setting: Setting
    higher: tuple[Arm, ...]
    lower: tuple[Arm, ...]

    def __str__(self) -> str:
        return f"{_mean(self.higher)} is above {_mean(self.lower)} on average ({self.setting})"


@dataclass(frozen=True, slots=True)
class SameForEveryBatching:
    """Each of `schemes` gives each task the same accuracy however targets are handed over."""

    setting: Setting
    schemes: tuple[str, ...]

    def __str__(self) -> str:
        return f"results do not depend on how targets are batched ({self.setting})"


@dataclass(frozen=True, slots=True)
class AtChance:
    """`arm` is within `within` points of guessing on every configuration."""

    setting: Setting
    arm: Arm
    within: float = 2.0

    def __str__(self) -> str:
        return f"{self.arm} is within {self.within:g} points of chance ({self.setting})"


@dataclass(frozen=True, slots=True)
class Ranked:
    """`arm` has the best (or worst) average rank among `among`, by Meta-Dataset's rule."""

    setting: Setting
    arm: Arm
    among: tuple[Arm, ...]
    place: Literal["first", "last"] = "first"

    def __str__(self) -> str:
        return f"{self.arm} ranks {self.place} of {len(self.among)} ({self.setting})"


@dataclass(frozen=True, slots=True)
class InFirstGroup:
    """`arm` is best, or tied with the best, on a share `at_least` of the configurations.

    Below a share `refuted_below` the requirement is contradicted; between the two, undecided.
    """

    setting: Setting
    arm: Arm
    among: tuple[Arm, ...]
    at_least: float = 0.75
    refuted_below: float = 0.5

    def __str__(self) -> str:
        return (
            f"{self.arm} is best or tied with the best on {self.at_least:.0%} of configurations or "
            f"more ({self.setting})"
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """The best of `arms` lies at least (or at most) `points` above the worst, on average."""

    setting: Setting
    arms: tuple[Arm, ...]
    bound: Literal["at_least", "at_most"]
    points: float

    def __str__(self) -> str:
        words = self.bound.replace("_", " ")
        return f"{len(self.arms)} schemes differ by {words} {self.points:g} points ({self.setting})"


@dataclass(frozen=True, slots=True)
class Shrinks:
    """`first` minus `second` is larger in `small` than in `large`, on average."""

    small: Setting
    large: Setting
    first: Arm
    second: Arm

    def __str__(self) -> str:
        return f"{self.first} gains more on {self.second} in {self.small} than in {self.large}"


@dataclass(frozen=True, slots=True)
class AlphaRises:
    """Learned alpha rises with the context's size in every layer.

    At every context of `at_size` items or more it is `reaches` or higher, and over all sizes it
    rises by `by` or more.
    """

    setting: Setting
    at_size: int
    reaches: float
    by: float

    def __str__(self) -> str:
        return (
            f"alpha rises with the context in every layer, to {self.reaches:g} or more from "
            f"{self.at_size} items on ({self.setting})"
        )


Requirement = (
    Above
    | GroupAbove
    | SameForEveryBatching
    | AtChance
    | Ranked
    | InFirstGroup
    | Spread
    | Shrinks
    | AlphaRises
)


def in_order(setting: Setting, *groups: tuple[Arm, ...]) -> tuple[GroupAbove, ...]:
    """The requirements that the mean of each group is above that of the next."""
    return tuple(GroupAbove(setting, *pair) for pair in itertools.pairwise(groups))


def above_each(setting: Setting, first: Arm, others: tuple[Arm, ...]) -> tuple[Above, ...]:
    """The requirements that an arm is above every other."""
    return tuple(Above(setting, first, other) for other in others)


def settings_of(requirement: Requirement) -> tuple[Setting, ...]:
    """Return where a requirement is measured."""
    if isinstance(requirement, Shrinks):
        return requirement.small, requirement.large
    return (requirement.setting,)


def arms_of(requirement: Requirement) -> tuple[Arm, ...]:
    """The arms that a requirement is about."""
    match requirement:
        case Above() | Shrinks():
            return requirement.first, requirement.second
        case GroupAbove():
            return *requirement.higher, *requirement.lower
        case SameForEveryBatching():
            return tuple(Arm(scheme, "item") for scheme in requirement.schemes)
        case AtChance():
            return (requirement.arm,)
        case Ranked() | InFirstGroup():
            return requirement.among
        case Spread():
            return requirement.arms
        case AlphaRises():
            return (Arm("tasknorm_i"),)


def needs_of(requirement: Requirement) -> Needs:
    """The rules that a requirement falls under.

    An exact invariance holds of any weights, trained or not; whoever is said to fail cannot be
    asked to have learned.
    """
    ranks = isinstance(requirement, Ranked | InFirstGroup)
    return Needs(
        order=ranks or isinstance(requirement, GroupAbove),
        ranks=ranks,
        trained=not isinstance(requirement, SameForEveryBatching),
        learned=not isinstance(requirement, AtChance),
    )


def _mean(arms: tuple[Arm, ...]) -> str:
    return str(arms[0]) if len(arms) == 1 else f"the mean of {', '.join(map(str, arms))}"


def as_json(requirement: Requirement) -> dict[str, Any]:
    """The requirement as JSON has it: its kind, and its fields."""
    return {"kind": type(requirement).__name__, **asdict(requirement)}
