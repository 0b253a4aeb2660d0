"""Whether outputs change their sign with their input: to the last bit, as rounding does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tnverify.catalogue import law
from tnverify.tolerances import expect_same, says_nothing

from .agreement import name_of

if TYPE_CHECKING:
    from torch import Tensor

    from tnverify.contract import Claims, Draw, Prober, Task

_ITEMS, _SIDE = 4, 2
"""Powers of two, so that a mean of small whole numbers is exact in whatever order it is taken."""


def _is_odd(claims: Claims) -> str | None:
    if not claims.has_formula:
        return "inductive claims no formula"
    if claims.scheme.holds_moments:
        return f"{claims.scheme.called} holds moments of its own, which keep their sign"
    return None


@law(
    family="moments",
    kind="exact",
    claimed=_is_odd,
    max_tasks=8,
    source="eqs. (2) to (11) are odd in all values but the bias; so is rounding (IEEE 754)",
)
def negated_values_give_negated_outputs(norm: Prober, task: Task, draw: Draw) -> None:
    """With bias zero, values of the other sign give outputs of the other sign, bit for bit.

    The values are small whole numbers, so many that sums are exact however they are taken. A
    violation means that outputs lean to one side: rounded up, or shifted by one unit in the last
    place, which moves the mean of a whole channel and is within every bound on single values. Or
    that one sign is treated as the other is not, as by a clamp at one end.
    """
    plain = _of_whole_numbers(norm, task, draw)
    run, turned = norm.run(plain), norm.run(plain.with_sets(-plain.context, -plain.targets))
    for name in ("context", "targets"):
        expect_same(
            -getattr(turned, name),
            getattr(run, name),
            f"{name_of(name)} of the negated values, negated again",
        )


def _of_whole_numbers(norm: Prober, task: Task, draw: Draw) -> Task:
    """A small task of whole numbers from -4 to 4, of the sizes above where the layer takes them."""
    limits = norm.limits
    spatial = limits.spatial or tuple(max(_SIDE, limits.min_side) for _ in task.spatial)
    items = limits.items or max(_ITEMS, limits.min_items)
    shape = (items, task.channels, *spatial)
    if not limits.admit(shape):
        says_nothing("the layer takes no sets of so few items and pixels")

    def drawn() -> Tensor:
        return draw.noise(task.context.new_empty(shape)).round()

    zeros = (0.0,) * task.channels
    made = task.with_sets(drawn(), drawn()).with_parameters(bias=zeros)
    return replace(made, past=())
