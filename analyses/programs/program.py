"""What every analysis is: which runs it needs, and what it makes of their records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tnverify.analyses.programs.request import Request
    from tnverify.analyses.programs.setups import Configuration
    from tnverify.analyses.records import Record
    from tnverify.analyses.report import Content


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked, and the records that answer it."""

    request: Request
    records: tuple[Record, ...]

    @property
    def resamples(self) -> int:
        return self.request.size.resamples


@dataclass(frozen=True, slots=True)
class Program:
    """An analysis.

    `plan` gives the configurations of its runs; `content` what a page shows of their records,
    some of which may be missing; `runs` says what carries them out: learners that train, or
    measurements of cost, one at a time.
    """

    name: str
    title: str
    question: str
    plan: Callable[[Request], list[Configuration]]
    content: Callable[[Found], Content]
    runs: Literal["training", "cost"] = "training"
