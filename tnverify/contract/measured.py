"""What is measured of a subject before any law is asked: whom it reads, and what it is near to."""

from __future__ import annotations

from dataclasses import dataclass


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
