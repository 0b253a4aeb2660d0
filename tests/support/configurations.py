"""Configurations of runs that take a second, and what they record, looked up by name."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from drawn_folder import SIDE

from tnverify.analyses.sweep import Trained, Workplace
from tnverify.analyses.training import train_one

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

Configuration = dict[str, Any]
COMPANIES = ["all", "class", "item"]


def small(data: str, **changes: Any) -> Configuration:
    """Prototypical networks over TaskNorm-I for a few iterations, but for what is changed.

    An entry that is an object is changed entry by entry; None takes an entry away.
    """
    configuration: Configuration = {
        "learner": "protonets",
        "scheme": "tasknorm_i",
        "seed": 0,
        "data": data,
        "side": SIDE,
        "channels": 1,
        "device": "cpu",
        "network": {"kind": "conv4", "width": 8, "reduce": "pool"},
        "train": {"way": 3, "shot": 2, "targets": 4, "iterations": 6, "meta_batch": 2},
        "pretrain": {"iterations": 4, "batch": 8},
        "validate": {"every": 3, "tasks": 4},
        "test": [cell()],
    }
    for name, value in changes.items():
        if isinstance(value, dict):
            configuration[name] = {**configuration.get(name, {}), **value}
        else:
            configuration[name] = value
    return configuration


def cell(name: str = "3-way 2-shot", **changes: Any) -> Configuration:
    whole = {"configuration": name, "way": 3, "shot": 2, "targets": 4, "tasks": 5,
             "batchings": COMPANIES}  # fmt: skip
    return whole | changes


def trained(configuration: Configuration, folder: Path, **arguments: Any) -> Trained:
    """What the configuration comes to, in a workplace of its own under `folder`."""
    return train_one(configuration, Workplace(folder / uuid.uuid4().hex), **arguments)


def accuracies(run: Trained, batching: str = "all", name: str | None = None) -> NDArray[np.float64]:
    """Percent, task by task, in one batching and, where named, of one cell."""
    import numpy as np

    rows = np.asarray(run.arrays["tasks/target_batching"]) == batching
    if name is not None:
        rows &= np.asarray(run.arrays["tasks/configuration"]) == name
    found: NDArray[np.float64] = np.asarray(run.arrays["tasks/accuracy"])[rows]
    return found
