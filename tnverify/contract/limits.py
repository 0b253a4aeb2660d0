"""Limits: what sizes a layer takes, as it was told to us or as it was found by trying."""

from __future__ import annotations

from dataclasses import dataclass, replace


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

    def merged(self, found: Limits) -> Limits:
        """These, with what was found where nothing was said."""
        plain = Limits()
        said = {
            name: getattr(self, name)
            for name in self.__slots__
            if getattr(self, name) != getattr(plain, name)
        }
        return replace(found, **said)

    def take(self, *, items: int, channels: int | None = None) -> bool:
        """Whether so many items, and so many channels, are within these limits."""
        enough = items >= self.min_items and items % self.multiple_of == 0
        if channels is None:
            return enough
        return enough and channels >= self.min_channels and self.channels in (None, channels)

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
