"""What this machine and this profile cannot ask: laws that need what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tnverify.catalogue import Law
    from tnverify.engine.profiles import Profile

_NEEDS_CUDA = frozenset({"cpu_and_cuda_agree"})


def why_not_asked(law: Law, profile: Profile) -> str | None:
    """Why the law is not asked of any layer, whatever it claims; None where it is."""
    if law.thorough_only and not profile.thorough:
        return "it shows in the profile thorough alone"
    if law.name in _NEEDS_CUDA and not torch.cuda.is_available():
        return "it shows on a CUDA device alone"
    return None


def out_of_reach(laws: Iterable[Law], profile: Profile) -> str | None:
    """Why none of these laws is asked; None where one is."""
    reasons = [why_not_asked(law, profile) for law in laws]
    return reasons[0] if reasons and all(reasons) else None
