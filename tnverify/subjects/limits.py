"""Limits: what sizes a layer takes, as it was told to us or as it was found by trying."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tnverify.plans import Plan


class OnlyWidth(int):
    """A step of channels of which every multiple is itself: the one width that a layer takes."""

    def __mul__(self, other: object) -> OnlyWidth:
        return self

    __rmul__ = __mul__


@dataclass(frozen=True, slots=True)
class Limits:
    """What sizes a subject asks for; nothing in particular where a field is left at its default.

    `channels` is the one number of channels that it takes, `spatial` the one shape of its maps.
    The least channels, items (of context and targets) and side follow, and the number that every
    count of items must be a multiple of.
    """

    channels: int | None = None
    spatial: tuple[int, ...] | None = None
    min_channels: int = 1
    min_items: int = 1
    min_side: int = 1
    multiple_of: int = 1

    @property
    def of_plans(self) -> dict[str, int | None]:
        """The arguments that keep a corpus within these limits, but for multiples of items."""
        sides = self.spatial or ()
        return {
            "min_context": self.min_items,
            "min_targets": self.min_items if self.min_items > 1 else 0,
            "min_channels": self.min_channels,
            "max_channels": self.channels,
            "min_side": max(self.min_side, *sides, 1),
            "max_side": max(sides, default=None),
        }

    def fitted(self, plan: Plan) -> Plan:
        """The plan with its sizes moved into the limits, the nearest that is no smaller."""
        least, unit = self.min_items, self.multiple_of
        spatial = self.spatial or tuple(max(side, self.min_side) for side in plan.spatial)
        context = _up(max(plan.context, least), unit)
        targets = _up(max(plan.targets, least), unit) if plan.targets or least > 1 else 0
        past = tuple(_up(max(items, least), unit) for items in plan.past_items)
        channels = self.channels or max(plan.channels, self.min_channels)
        return replace(
            plan,
            context=context,
            targets=targets,
            channels=channels,
            spatial=spatial,
            past_items=past,
        )

    def merged(self, found: Limits) -> Limits:
        """These, with what was found where nothing was said."""
        plain = Limits()
        said = {
            name: getattr(self, name)
            for name in self.__slots__
            if getattr(self, name) != getattr(plain, name)
        }
        return replace(found, **said)

    @property
    def in_words(self) -> str:
        """What a subject asks for, in a line; empty where it takes every size."""
        shape = "by".join(f" {side} " for side in self.spatial or ()).strip()
        parts = (
            (self.channels is not None, f"{self.channels} channels alone"),
            (self.spatial is not None, f"maps of {shape} alone"),
            (self.min_channels > 1, f"{self.min_channels} channels or more"),
            (self.min_items > 1, f"{self.min_items} items or more"),
            (self.min_side > 1, f"maps of {self.min_side} and more a side"),
            (self.multiple_of > 1, f"items in multiples of {self.multiple_of}"),
        )
        return ", ".join(words for applies, words in parts if applies)


def values_of(plan: Plan) -> int:
    """How many values the larger set of a plan has."""
    return max(plan.context, plan.targets) * plan.channels * prod(plan.spatial)


def _up(count: int, unit: int) -> int:
    """The next multiple of `unit`."""
    return -(-count // unit) * unit
