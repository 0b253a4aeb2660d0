"""How a run is made, and what is the same for every subject of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tnverify.catalogue import Catalogue
    from tnverify.engine.profiles import Profile
    from tnverify.engine.waivers import Waiver


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run is made. `out` is the directory for reproducers; None writes and runs none.

    `shrink` off leaves counterexamples as they were found, for those who only count them.
    `jobs` processes verify at a time: of as many subjects, or of laws of fewer. `isolated` off
    verifies all of them in this process.
    """

    profile: str = "default"
    seed: int = 0
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    device: str = "cpu"
    out: Path | None = Path("tnverify-out")
    waivers: Path | None = None
    shrink: bool = True
    jobs: int = 1
    isolated: bool = True


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What is the same for every subject of a run."""

    options: RunOptions
    profile: Profile
    catalogue: Catalogue
    waivers: tuple[Waiver, ...]
    asleep: tuple[str, ...]
    interruptions: list[None] = field(default_factory=list)
    """Gets an element when Ctrl-C ends a subject's trial, whose results so far are kept."""
