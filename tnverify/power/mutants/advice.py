"""What to add so that a mutant that survived would be caught."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tnverify.engine.profiles import PROFILES
from tnverify.engine.trial import try_laws

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.catalogue import Law
    from tnverify.plans import Plan
    from tnverify.power.mutants.differences import Difference
    from tnverify.power.mutants.judge import Original
    from tnverify.subjects.subject import Subject

_MISSING = "the layer has no handle on "
_NO_LAW = (
    "no law that is asked of the layer speaks of this difference; if it matters, a law about it is"
    " missing (tnverify/docs/extending.md)"
)


def advice(
    original: Original,
    changed: Subject,
    found: Difference,
    drawn: Sequence[Plan],
    laws: Sequence[Law],
) -> str:
    """One sentence on what is missing: tasks, a claim, a handle, or a law.

    `found` is how the mutant differs from the original, `drawn` the tasks of the profile.
    """
    if not found.plans & set(drawn):
        more = _on_these(changed, laws, found.plans)
        if more is not None:
            return f"the profile draws no task that shows it; profile thorough does: {more}"
    claims = original.form.claims
    if not claims.has_formula:
        how = "were inferred as" if claims.inferred else "are"
        what = (
            "what its outputs agree with" if original.fits else "the scheme that it is meant to be"
        )
        return (
            f"claims {how} inductive: claim {what} (--claims {original.fits or 'SCHEME'}), so that"
            " its formula is checked"
        )
    if set(found.shown) == {"gradients"} and (claims.detached or claims.first_order):
        word = "detached" if claims.detached else "first_order"
        return f"claims say {word}: without it, the gradients that it excuses are checked"
    if found.dtype is torch.bfloat16:
        return f"it shows on half-precision input alone, where few laws are asked; {_NO_LAW}"
    missing = sorted({
        reason.removeprefix(_MISSING)
        for _, reason in original.silent
        if reason.startswith(_MISSING)
    })  # fmt: skip
    if missing:
        return (
            f"laws about {' and '.join(missing)} were not asked: where the layer has it by another"
            f" name, map it (--handle {missing[0].split()[0]}=ATTRIBUTE); else {_NO_LAW}"
        )
    return _NO_LAW


def _on_these(changed: Subject, laws: Sequence[Law], plans: Iterable[Plan]) -> str | None:
    """The first law that fails on one of these tasks, in words."""
    ordinary = [law for law in laws if not law.thorough_only]
    records = try_laws(changed, ordinary, list(plans), PROFILES["thorough"], first_only=True)
    return next((f"{r.law.name} fails" for r in records if r.failure is not None), None)
