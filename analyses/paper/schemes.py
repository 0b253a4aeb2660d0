"""What the paper's tables call a scheme, and what it is called here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TargetBatching = Literal["all", "class", "item"]

BASELINE = "baseline"
"""The paper's Baseline: moments of the pre-trained extractor, frozen everywhere (CNAPs only)."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of a comparison: a scheme, and what of it is varied.

    `alpha` and `per_channel` are the form of a TaskNorm's alpha where that is what is compared,
    else None: the form that the learner uses by itself. `target_batching` is how targets are
    handed over at test: all at once, one class at a time or one item at a time.
    """

    scheme: str
    target_batching: TargetBatching = "all"
    alpha: Literal["functional", "free"] | None = None
    per_channel: bool | None = None

    def __str__(self) -> str:
        words = []
        if self.alpha is not None:
            words.append(f"{self.alpha} alpha {'per channel' if self.per_channel else 'shared'}")
        if self.target_batching != "all":
            words.append(f"one {self.target_batching} at a time")
        return f"{self.scheme} ({', '.join(words)})" if words else self.scheme


PRINTED_AS: dict[str, Arm] = {
    "TBN": Arm("transductive_bn"),
    "Baseline": Arm(BASELINE),
    "CBN": Arm("conventional_bn"),
    "BRN": Arm("batch_renorm"),
    "LN": Arm("layer_norm"),
    "IN": Arm("instance_norm"),
    "RN": Arm("reptile_norm"),
    "MetaBN": Arm("meta_bn"),
    "TaskNorm-r": Arm("tasknorm_r"),
    "TaskNorm-L": Arm("tasknorm_l"),
    "TaskNorm-I": Arm("tasknorm_i"),
    # Appendix E: forms of TaskNorm-I's alpha.
    "ChanSpec": Arm("tasknorm_i", alpha="free", per_channel=True),
    "Shared": Arm("tasknorm_i", alpha="free", per_channel=False),
    "IndCS": Arm("tasknorm_i", alpha="free", per_channel=True),
    "IndSh": Arm("tasknorm_i", alpha="free", per_channel=False),
    "FunCS": Arm("tasknorm_i", alpha="functional", per_channel=True),
    "FunSh": Arm("tasknorm_i", alpha="functional", per_channel=False),
}
"""Every column heading of the paper's tables."""
