"""Limits: what sizes a layer takes, as it was told to us or as it was found by trying."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Sequence


class OnlyWidth(int):
    """The one number of channels that a layer takes, in the place of a step of channels.

    Every multiple of it is itself. `spatial` is the one shape of its maps, None where it takes
    more than one.
    """

    spatial: tuple[int, ...] | None

    def __new__(cls, channels: int, spatial: tuple[int, ...] | None = None) -> Self:
        made = super().__new__(cls, channels)
        made.spatial = spatial
        return made

    def __mul__(self, other: object) -> OnlyWidth:
        return self

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[type[OnlyWidth], tuple[int, tuple[int, ...] | None]]:
        return OnlyWidth, (int(self), self.spatial)


@dataclass(frozen=True, slots=True)
class Limits:
    """What sizes a subject asks for; nothing in particular where a field is left at its default.

    `items`, `channels` and `spatial` are the one number of items (of context and of targets), of
    channels and the one shape of maps that it takes, `rank` the number of its spatial dimensions.
    The least channels, items and side follow,
    and the number that every count of items must be a multiple of. Where `coarse` is positive,
    every shape costs the layer much when it is first met, so that sizes are few: powers of four or,
    if large, of two, and channels these times `coarse`, wherever they may be chosen.
    """

    rank: int | None = None
    items: int | None = None
    channels: int | None = None
    spatial: tuple[int, ...] | None = None
    min_channels: int = 1
    min_items: int = 1
    min_side: int = 1
    multiple_of: int = 1
    coarse: int = 0

    @classmethod
    def of(
        cls,
        *,
        shape: Sequence[int] | None = None,
        channels: int | None = None,
        rank: int | None = None,
        min_channels: int | None = None,
        min_items: int | None = None,
        min_side: int | None = None,
        multiple_of: int | None = None,
    ) -> Limits:
        """The limits that a user's words spell; `shape` is (items, channels, *sides).

        Raises ValueError, with one line, for a size that is none or sizes that disagree.
        """
        least = {
            "min_channels": min_channels, "min_items": min_items, "min_side": min_side,
            "multiple_of": multiple_of,
        }  # fmt: skip
        for name, value in {"channels": channels, "rank": rank, **least}.items():
            lowest = 0 if name == "rank" else 1
            if value is not None and (type(value) is not int or value < lowest):
                option = name.replace("_", "-")
                raise ValueError(f"--{option} {value!r}: it must be a number from {lowest} up")
        if rank is not None and rank > 3:
            raise ValueError(f"--rank {rank}: it must be a number from 0 to 3")
        given = {name: value for name, value in least.items() if value is not None}
        limits = replace(cls(rank=rank, channels=channels), **given)  # type: ignore[arg-type]  # all are numbers
        if shape is None:
            return limits
        if not 2 <= len(shape) <= 5 or not all(type(n) is int and n > 0 for n in shape):
            raise ValueError(
                f"--shape {','.join(map(str, shape))}: write ITEMS,CHANNELS and up to three sides,"
                " each at least 1, for example 8,64,7,7"
            )
        items, width, *spatial = shape
        if channels not in (None, width):
            raise ValueError(
                f"--channels {channels} and --shape with {width} channels: they must agree"
            )
        return replace(limits, items=items, channels=width, spatial=tuple(spatial))

    def merged(self, found: Limits) -> Limits:
        """These, with what was found where nothing was said."""
        plain = Limits()
        said = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if getattr(self, each.name) != getattr(plain, each.name)
        }
        return replace(found, **said)

    def take(self, *, items: int) -> bool:
        """Whether so many items are within these limits."""
        if self.items is not None:
            return items == self.items
        return items >= self.min_items and items % self.multiple_of == 0

    def admit(self, shape: Sequence[int]) -> bool:
        """Whether a set of this shape, (items, channels, *spatial), is within these limits."""
        items, channels, *spatial = shape
        return (
            self.take(items=items)
            and channels >= self.min_channels
            and self.channels in (None, channels)
            and self.spatial in (None, tuple(spatial))
            and all(side >= self.min_side for side in spatial)
        )

    @property
    def in_words(self) -> str:
        """What a subject asks for, in a line; empty where it takes every size."""
        shape = "by".join(f" {side} " for side in self.spatial or ()).strip()
        parts = (
            (self.items is not None, f"{self.items} items alone"),
            (self.channels is not None, f"{self.channels} channels alone"),
            (self.spatial is not None, f"maps of {shape} alone"),
            (self.min_channels > 1, f"{self.min_channels} channels or more"),
            (self.min_items > 1, f"{self.min_items} items or more"),
            (self.min_side > 1, f"maps of {self.min_side} or more a side"),
            (self.multiple_of > 1, f"items in multiples of {self.multiple_of}"),
        )
        return ", ".join(words for applies, words in parts if applies)
