"""How large plans of each kind are, and the limits that a caller may set."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis.errors import InvalidArgument


class Sizes(NamedTuple):
    """The least and the greatest of each dimension that a kind of plan has."""

    context: tuple[int, int]
    targets: tuple[int, int]
    channels: tuple[int, int]
    side: tuple[int, int]


# Channels in units of `step`. Every law counts on plans of ordinary size.
_ORDINARY = Sizes((2, 6), (2, 5), (2, 5), (2, 4))
KINDS: dict[str, tuple[Sizes, ...]] = {
    "edge": (
        Sizes((1, 6), (0, 5), (1, 5), (1, 4)),
        _ORDINARY._replace(side=(1, 1)),
        _ORDINARY._replace(context=(1, 1)),
        _ORDINARY._replace(targets=(0, 1)),
        _ORDINARY._replace(channels=(1, 1)),
    ),
    "ordinary": (_ORDINARY,),
    "large": (
        Sizes((12, 40), (8, 30), (2, 5), (2, 6)),
        Sizes((2, 8), (2, 6), (2, 5), (10, 30)),
        Sizes((12, 24), (8, 16), (2, 3), (10, 14)),
    ),
}
"""Kinds of plan: with an edge, ordinary, and as large as real use, each in some variants."""


class Options(NamedTuple):
    """What a caller asked for: the least and the greatest, None where there is no limit."""

    context: tuple[int, int | None]
    targets: tuple[int, int | None]
    channels: tuple[int, int | None]
    side: tuple[int, int | None]
    rank: int
    step: int
    allow_past: bool


def limited(usual: tuple[int, int], least: int, most: int | None) -> tuple[int, int]:
    """The usual range, its ends moved into the limits."""
    low, high = (max(end, least) for end in usual)
    return (low, high) if most is None else (min(low, most), min(high, most))


def check(options: Options) -> None:
    """Raise InvalidArgument for arguments that no plan satisfies."""
    _check_size("rank", options.rank, 0, 3)
    _check_size("step", options.step, 1, None)
    for name, (low, high), floor in (
        ("context", options.context, 1),
        ("targets", options.targets, 0),
        ("channels", options.channels, 1),
        ("side", options.side, 1),
    ):
        _check_size(f"min_{name}", low, floor, None)
        if high is not None:
            _check_size(f"max_{name}", high, floor, None)
            if high < low:
                raise InvalidArgument(f"min_{name}={low} exceeds max_{name}={high}")
    least, most = options.channels
    if most is not None and most // options.step * options.step < least:
        raise InvalidArgument(
            f"no multiple of step={options.step} lies between min_channels={least} and"
            f" max_channels={most}"
        )


def _check_size(name: str, value: int, least: int, most: int | None) -> None:
    if type(value) is not int:
        raise InvalidArgument(f"{name}={value!r}: it must be an int")
    if value < least or (most is not None and value > most):
        rule = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InvalidArgument(f"{name}={value}: it must be {rule}")
