"""TensorBoard logs of a run, for those who want to look on while it trains."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class NoBoard:
    """Logs nothing."""

    def add(self, name: str, value: float, iteration: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Board:
    """Scalars by iteration in a folder that `tensorboard --logdir` reads."""

    def __init__(self, folder: Path, iteration: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        make: Any = SummaryWriter  # torch leaves it without types
        # What a killed run wrote after its last checkpoint is written again, and counts once.
        self._writer = make(str(folder), purge_step=iteration)

    def add(self, name: str, value: float, iteration: int) -> None:
        self._writer.add_scalar(name, value, iteration)

    def close(self) -> None:
        self._writer.close()


def open_board(folder: Path | None, iteration: int) -> Board | NoBoard:
    """A board in `folder` that begins at `iteration`, or one that logs nothing for None.

    Raises ValueError where a folder is named and tensorboard is not installed.
    """
    if folder is None:
        return NoBoard()
    if importlib.util.find_spec("tensorboard") is None:
        raise ValueError(
            "logs for TensorBoard need the package tensorboard: pip install '.[tensorboard]' in a"
            " clone"
        )
    return Board(folder, iteration)
