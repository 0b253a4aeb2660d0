"""Plans within the limits of what a layer takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tnverify.contract.limits import Limits
    from tnverify.plans.plan import Plan


_LARGE = 16
"""From here on a power of four may be too much larger."""


def fitted(plan: Plan, limits: Limits) -> Plan:
    """The plan with its sizes moved into the limits, to the nearest that are no smaller."""
    least, unit = limits.min_items, limits.multiple_of

    def size(count: int) -> int:
        """The count, or the power of four that is no less; of large ones, the power of two."""
        if not limits.coarse or count < 2:
            return count
        bits = (count - 1).bit_length()
        return 1 << (bits + bits % 2 if count <= _LARGE else bits)

    def items(count: int) -> int:
        return limits.items or -(-size(max(count, least)) // unit) * unit

    def channels(count: int) -> int:
        return size(-(-count // limits.coarse)) * limits.coarse if limits.coarse else count

    first, second = plan.past_items
    return replace(
        plan,
        context=items(plan.context),
        # No targets at all are fewer than a layer wants only where it says so.
        targets=items(plan.targets) if plan.targets or limits.items or least > 1 else 0,
        channels=limits.channels or channels(max(plan.channels, limits.min_channels)),
        spatial=limits.spatial or tuple(size(max(side, limits.min_side)) for side in plan.spatial),
        past_items=(items(first), items(second)),
    )
