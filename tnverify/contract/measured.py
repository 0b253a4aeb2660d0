"""What is measured of a subject before any law is asked: whom it reads, and what it is near to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near a layer comes to a scheme that it is not.

    `largest` is the largest difference of its outputs from the scheme's formula on ordinary tasks,
    beyond rounding on `differing` of `tasks` of them.
    """

    scheme: str
    largest: float
    differing: int
    tasks: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Measured information flow at meta-test: whose values reach which outputs.

    What was not measured stands in neither list of reads: `target_unmeasured` and
    `context_unmeasured` name such sources, `why_unmeasured` says why, in a few words.
    """

    target_reads: tuple[str, ...]
    context_reads: tuple[str, ...]
    nearest_scheme: str | None = None
    target_unmeasured: tuple[str, ...] = ()
    context_unmeasured: tuple[str, ...] = ()
    why_unmeasured: str | None = None


Leak = Literal["bit_equal", "rounding", "content_rounding", "reads", "undecided"]
"""What an audit found of other targets: no bit moved; bits moved with the shape of the batch alone;
bits moved with what other targets hold, by rounding; they are read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Where other targets enter: the first module whose outputs for kept targets differ, its class,
    whether it was in training mode, and what to change."""

    path: str
    module: str
    training: bool
    remedy: str = ""
    norm: bool = False
    """Whether it is a normalisation layer."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Accuracy on the same tasks with the targets all at once, one class at a time and one at a
    time; `lost` is the mean of together minus alone with its interval (95 %, paired by task)."""

    together: float
    by_class: float
    alone: float
    lost: float
    low: float
    high: float
    tasks: int


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit measured of a subject.

    `how` says how it was driven. `content` and `number` are by how much predictions moved at most
    with what other targets hold and with how many there are, `wide` that in float64, None where it
    does not run there or where nothing moved. `from_targets` is the fewest targets with which one
    reads another. `asked` has the options by which the audit is made again.
    """

    kind: Literal["learner", "predictor", "evaluation"]
    how: str
    claims: str
    given: bool
    leak: Leak
    content: float = 0.0
    number: float = 0.0
    wide: float | None = None
    tasks: int = 0
    from_targets: int | None = None
    enters: Entry | None = None
    worth: Worth | None = None
    asked: dict[str, object] = field(default_factory=dict, hash=False)
