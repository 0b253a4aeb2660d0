"""What a user asks of an audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from tnverify.contract.claims import nearest

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.auditing.driving.driven import Kind

Claim = Literal["inductive", "transductive", "online", "bitwise"]
CLAIMS: dict[str, str] = {
    "inductive": "no target reads another one; rounding may change with their number",
    "transductive": "targets read one another",
    "online": "a target may read those before it, and none after it",
    "bitwise": "inductive, and not a bit changes with the number of targets",
}
"""What a subject of an audit can claim, each in words."""


@dataclass(frozen=True, slots=True)
class AuditProfile:
    """How much an audit spends: tasks a law, and worlds that are compared on each."""

    name: str
    tasks: int
    worlds: int
    seconds: float


PROFILES: dict[str, AuditProfile] = {
    each.name: each
    for each in (
        AuditProfile("quick", tasks=2, worlds=3, seconds=120.0),
        AuditProfile("default", tasks=4, worlds=6, seconds=300.0),
        AuditProfile("thorough", tasks=20, worlds=12, seconds=3600.0),
    )
}


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How an audit is made; what is None is found by trying. `seconds` is what one law may take."""

    kind: Kind | None = None
    claims: Claim | None = None
    way: int | None = None
    shot: int | None = None
    targets: int | None = None
    input_shape: tuple[int, ...] | None = None
    items: int | None = None
    seed: int = 0
    profile: str = "default"
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    waivers: Path | None = None
    task: int | None = None
    """The number of the one generated task that is asked; None for as many as the profile has."""

    @property
    def budget(self) -> AuditProfile:
        """The profile. Raises ValueError with the nearest name."""
        if self.profile not in PROFILES:
            raise ValueError(
                f"unknown profile {self.profile!r}: {nearest(self.profile, tuple(PROFILES))}"
            )
        return PROFILES[self.profile]

    @property
    def held_to(self) -> Claim:
        """What the subject is held to: where nothing is said, that it is inductive."""
        return self.claims or "inductive"

    def check(self) -> None:
        """Raise ValueError, with one line, for what names nothing or is no size."""
        if self.claims is not None and self.claims not in get_args(Claim):
            raise ValueError(
                f"unknown claim {self.claims!r}: {nearest(self.claims, tuple(CLAIMS))}"
            )
        kinds = ("learner", "predictor", "evaluation")
        if self.kind is not None and self.kind not in kinds:
            raise ValueError(f"unknown kind {self.kind!r}: {nearest(self.kind, kinds)}")
        for name in ("way", "shot", "targets", "items"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ValueError(f"--{name} {value}: it must be a number from 1 up")
        if self.targets is not None and self.targets < 2:
            raise ValueError("--targets 1: an audit compares targets: give 2 or more")
        if self.input_shape is not None and not all(
            type(n) is int and n > 0 for n in self.input_shape
        ):
            raise ValueError(f"--input-shape {self.input_shape}: write sides, such as 1,28,28")
        _ = self.budget
