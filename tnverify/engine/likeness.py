"""Failures that are known: by the laws that planted faults fail."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from tnverify.faults import all_faults
from tnverify.power.measured import measured

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tnverify.engine.results import LawVerdict

_MOST = 2
"""More planted faults than these with one set of failing laws tell nothing."""


def like_faults(
    verdicts: Iterable[LawVerdict], declared: str | None, profile: str, alike: Iterable[str] = ()
) -> tuple[str, ...]:
    """Planted faults of the same claimed scheme that fail as the layer does.

    `alike` are those that were measured to answer as it does, which count where the laws fail that
    are declared to find them; else those count that fail just the laws that fail here. `declared`
    is the name of that scheme; None, for claims that were inferred, are like none. Where the kill
    matrix was not kept, those that answer alike are all there is.
    """
    failing = {v.law.name for v in verdicts if v.is_shown or v.cause is not None}
    if declared in (None, "inductive") or not failing:
        return ()
    faults = {fault.name: fault for fault in all_faults()}
    found = [name for name in alike if failing.issuperset(faults[name].kills)]
    kept = measured(profile)
    if not found and kept is not None:
        scheme_of = {name: fault.claims.partition(",")[0] for name, fault in faults.items()}
        found = [name for name in kept.like(failing) if scheme_of.get(name) == declared]
    return tuple(found) if len(found) <= _MOST else ()


def kills_of(names: Iterable[str]) -> tuple[str, ...]:
    """The laws that are there to find these planted faults, the most specific first."""
    wanted = set(names)
    return tuple(law for fault in all_faults() if fault.name in wanted for law in fault.kills)


@cache
def _caught() -> Counter[str]:
    """How many planted faults each law was measured to fail on, else is declared to catch."""
    kept = measured("default")
    if kept is not None and kept.kills:
        return Counter(law for laws in kept.kills.values() for law in laws)
    return Counter(law for fault in all_faults() for law in fault.kills)


def breadth(law: str) -> int:
    """How many planted faults the law catches: the fewer, the more a failure tells."""
    return _caught()[law]
