"""Where a law starts and stops failing, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.engine.results import Boundary, Dimension

_UNITS = (2, 3, 4, 8, 16, 32, 64)

NAMES: dict[Dimension, tuple[str, str]] = {
    "context": ("context item", "context items"),
    "targets": ("target", "targets"),
    "channels": ("channel", "channels"),
    "height": ("row", "rows"),
    "width": ("column", "columns"),
    "depth": ("slice", "slices"),
    "length": ("pixel", "pixels"),
}
"""What one of a dimension is called, and what several are."""


def sizes_of(found: Boundary) -> list[int]:
    """Every size that was tried."""
    return sorted((*found.failing, *found.passing, *found.undecided))


def is_alike(found: Boundary) -> bool:
    """Whether every size ends alike: the dimension does not matter."""
    return len(sizes_of(found)) in (len(found.failing), len(found.passing))


def sentence(found: Boundary) -> str:
    """`fails for 4 or more context items, passes for 1 to 3`."""
    sizes, (one, many) = sizes_of(found), NAMES[found.dimension]
    if is_alike(found):
        word = "fails" if found.failing else "passes"
        return f"{word} for {sizes[0]} to {sizes[-1]} {many}"
    regular = _of_multiples(found, many)
    if regular is not None:
        return regular

    def span(chosen: Sequence[int]) -> str:
        whole = [s for s in sizes if chosen[0] <= s <= chosen[-1]]
        if whole != [*chosen]:
            return ", ".join(map(str, chosen)) + f" {many}"
        if len(chosen) == 1 and chosen[-1] != sizes[-1]:
            return f"{chosen[0]} {one if chosen[0] == 1 else many}"
        if chosen[-1] == sizes[-1]:
            return f"{chosen[0]} or more {many}"
        return f"{chosen[0]} to {chosen[-1]} {many}"

    said = (
        ("fails", found.failing),
        ("passes", found.passing),
        ("cannot be decided", found.undecided),
    )
    first, *others = [f"{word} for {span(chosen)}" for word, chosen in said if chosen]
    return ", ".join((first, *(other.removesuffix(f" {many}") for other in others)))


def _of_multiples(found: Boundary, many: str) -> str | None:
    """What is said where multiples of a number fail, or all others do; None where neither."""
    decided = sorted((*found.failing, *found.passing))
    for unit in _UNITS:
        multiples = tuple(size for size in decided if size % unit == 0)
        if len(multiples) > 1 and len(found.failing) > 2:
            if found.passing == multiples:
                return f"fails unless the number of {many} is a multiple of {unit}"
            if found.failing == multiples and len(found.passing) > 2:
                return f"fails where the number of {many} is a multiple of {unit}"
    return None


def sentences(found: Iterable[Boundary]) -> list[str]:
    """One sentence a dimension that matters, then one for all that do not."""
    found = tuple(found)
    telling = [sentence(each) for each in found if not is_alike(each)]
    whatever = [NAMES[each.dimension][1] for each in found if is_alike(each) and each.failing]
    if whatever:
        *most, last = whatever
        named = f"{', '.join(most)} and {last}" if most else last
        telling.append(f"fails for every number of {named} that was tried")
    return telling
