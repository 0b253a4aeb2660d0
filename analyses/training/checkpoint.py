"""How far a run is, on disk, so that one that was killed goes on from there."""

from __future__ import annotations

import io
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from tnverify.analyses.records.atomic import write_over

if TYPE_CHECKING:
    from pathlib import Path

FILE = "checkpoint.pt"


@dataclass
class Progress:
    """Everything that a run has come to, but for the data.

    `learner` and `optimizer` are state dicts after `iteration` iterations; `best` is the
    learner's where it validated best, with `best_accuracy`. `tested` holds the rows of each cell
    that is finished.
    """

    iteration: int = 0
    seconds: float = 0.0
    seconds_of_data: float = 0.0
    learner: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    validation: dict[str, list[float]] = field(
        default_factory=lambda: {"iteration": [], "seconds": [], "accuracy": []}
    )
    best: dict[str, Any] | None = None
    best_accuracy: float = -1.0
    tested: dict[str, dict[str, list[Any]]] = field(default_factory=dict)


class Checkpoints:
    """Reads and writes a run's progress in a folder, not more often than every so many seconds."""

    def __init__(self, folder: Path, every: float) -> None:
        self.path, self.every = folder / FILE, every
        self._written = time.monotonic()

    def read(self, device: torch.device) -> Progress | None:
        """What was written last; None where nothing was."""
        if not self.path.exists():
            return None
        return Progress(**torch.load(self.path, map_location=device, weights_only=True))

    def due(self) -> bool:
        return time.monotonic() - self._written >= self.every

    def write(self, progress: Progress) -> None:
        """Puts the progress in place of what is there, whole or not at all."""
        content = {name: getattr(progress, name) for name in asdict(Progress())}
        buffer = io.BytesIO()
        torch.save(content, buffer)
        write_over(self.path, buffer.getvalue())
        self._written = time.monotonic()
