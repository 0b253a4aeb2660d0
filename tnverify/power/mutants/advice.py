"""What to add so that a mutant that survived would be caught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from tnverify.engine.profiles import PROFILES
from tnverify.engine.trial import try_laws
from tnverify.report.words import count

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tnverify.catalogue import Law
    from tnverify.engine.profiles import Profile
    from tnverify.plans import Plan
    from tnverify.power.mutants.differences import Difference
    from tnverify.power.mutants.judge import Original
    from tnverify.subjects.subject import Subject

MOST_DRAWN = max(profile.corpus for profile in PROFILES.values())
"""Tasks that the largest profile draws; those of a smaller one are the first of them."""

_SAMPLE = 4
"""Tasks on which the layer keeps all laws that are asked, in a process of its own."""

_MISSING = "the layer has no handle on "
_NO_LAW = (
    "no law that is asked of the layer speaks of this difference; if it matters, a law about it is"
    " missing (tnverify/docs/how-to/write-a-law.md)"
)


@dataclass(frozen=True, slots=True)
class Missing:
    """A mutant that survived: `found` is how it differs, `laws` are those that were asked of it,
    `drawn` the tasks of the largest profile."""

    original: Original
    layer: Subject
    changed: Subject
    found: Difference
    profile: Profile
    drawn: Sequence[Plan]
    laws: Sequence[Law]


def advice(missing: Missing) -> str:
    """One sentence on what is missing: tasks, a claim, a handle, or a law."""
    original, found = missing.original, missing.found
    if not found.plans & set(missing.drawn):
        return _beyond(missing)
    if not found.plans & set(missing.drawn[: missing.profile.corpus]):
        more = _in_a_larger_profile(missing)
        if more is not None:
            return more
    claims = original.recipe.held_to
    if original.fits:
        return (
            "claims are inductive: claim what its outputs agree with (--claims"
            f" {original.fits}), so that its formula is checked"
        )
    if not claims.has_formula:
        return (
            "the layer's outputs agree with no scheme, so no law knows its formula: compare it"
            " with your own in a test; or, if it is meant to be one, mend it first (verify"
            " --claims SCHEME)"
        )
    if set(found.shown) == {"gradients"} and (claims.detached or claims.first_order):
        word = "detached" if claims.detached else "first_order"
        return f"claims say {word}: without it, the gradients that it excuses are checked"
    if found.dtype is torch.bfloat16:
        return f"it shows on half-precision input alone, where few laws are asked; {_NO_LAW}"
    handles = sorted({
        reason.removeprefix(_MISSING)
        for _, reason in original.silent
        if reason.startswith(_MISSING)
    })  # fmt: skip
    if handles:
        return (
            f"laws about {' and '.join(handles)} were not asked: where the layer has it by another"
            f" name, map it (--handle {handles[0].split()[0]}=ATTRIBUTE); else {_NO_LAW}"
        )
    return _NO_LAW


def _in_a_larger_profile(missing: Missing) -> str | None:
    """The smallest profile on whose tasks a law fails."""
    for profile in PROFILES.values():
        shows = missing.found.plans & set(missing.drawn[: profile.corpus])
        law = _fails(missing.changed, missing.laws, shows)
        if law is not None:
            return (
                f"the profile draws no task that shows it; profile {profile.name} does: {law} fails"
            )
    return None


def _beyond(missing: Missing) -> str:
    """Where no profile draws a task that shows it."""
    plan = min(missing.found.plans, key=lambda each: (each.channels, each.spatial))
    maps = " x ".join(map(str, plan.spatial))
    size = f"{count(plan.channels, 'channel')}, {maps or 'no'} pixels"
    # The mutant has taken the place of the layer's module: what is pickled is not found there.
    sample = missing.drawn[:_SAMPLE]
    usual = [law for law in missing.laws if _fails(missing.layer, [law], sample) is None]
    law = _fails(missing.layer, usual, missing.found.plans)
    if law is not None:
        return (
            f"no profile draws tasks of the sizes that show it ({size}), and on them the layer"
            f" itself fails {law}: what verify says of it does not hold there"
        )
    law = _fails(missing.changed, missing.laws, missing.found.plans)
    there = f"on them {law} fails" if law else "no law speaks of it there either"
    return (
        f"no profile draws tasks of the sizes that show it ({size}); {there}: test the layer at"
        " these sizes yourself"
    )


def _fails(layer: Subject, laws: Sequence[Law], plans: Collection[Plan]) -> str | None:
    """The first law that the layer fails on one of these tasks."""
    if not plans:
        return None
    ordinary = [law for law in laws if not law.thorough_only]
    by_size = sorted(plans, key=lambda plan: (plan.channels, plan.spatial, plan.seed))
    records = try_laws(layer, ordinary, by_size, PROFILES["thorough"], first_only=True)
    return next((r.law.name for r in records if r.failure is not None), None)
