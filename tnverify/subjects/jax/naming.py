"""Names for the arrays of a JAX layer, as torch layers have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TORCH = {
    "scale": "weight",
    "offset": "bias",
    "mean": "running_mean",
    "var": "running_var",
    "mean_ema_average": "running_mean",
    "var_ema_average": "running_var",
}
"""What JAX's libraries call what torch calls otherwise."""

_PARTS = ("average", "hidden", "counter")
"""Words that tell nothing without the one before them."""


def names_of(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """A name for every array, from its path: as few of its last words as tell it from others."""
    words = [_words(path) for path in paths]
    ends = [["_".join(w[-count:]) for count in range(1, len(w) + 1)] for w in words]
    names = []
    for place, own in enumerate(ends):
        others = {end for number, other in enumerate(ends) if number != place for end in other}
        single = [end for end in own if end not in others and end not in _PARTS]
        names.append(single[0] if single else f"array_{place}")
    taken = set(names)
    return [n if _TORCH.get(n, n) in taken else _TORCH[n] for n in names]


def _words(path: tuple[str, ...]) -> list[str]:
    words = [word for step in path for word in step.split("/") if word not in ("~", "value")]
    return [f"state_{word}" if word.isdigit() else word for word in words] or ["array"]
