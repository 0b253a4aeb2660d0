"""How much of each learner a run is: settings for a minute, for a quarter of an hour, for a night.

Each is a part of a configuration by learner: `network`, `train`, `validate`, for CNAPs
`pretrain`, and `cell`, the size of a test cell. Put together with a scheme, a seed, data and the
cells of an analysis they are what `train_one` reads:

    part = part_of(QUICK, "maml")
    {"learner": "maml", "scheme": "tasknorm_i", "seed": 0, "data": "glyphs",
     **part.entries, "test": [{"configuration": "glyphs", **part.cell}]}

Seconds told here are of one thread of the machine that they were tried on (glyphs, 28 pixels a
side, styles shared by a task), testing in all three batchings and start of the process included.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, NamedTuple

Budget = Mapping[str, Mapping[str, Any]]

_FIVE_WAY = {"way": 5, "shot": 1, "targets": 5, "style": "task"}
_STRIDED = {"kind": "conv4", "width": 32, "reduce": "stride"}
_MAML = {"order": 2, "steps": 1, "inner_rate": 0.4, "clip": 10.0}

SMOKE: Budget = {
    "protonets": {
        "network": _STRIDED | {"width": 8},
        "train": _FIVE_WAY | {"iterations": 20, "meta_batch": 2, "rate": 5e-3},
        "validate": {"every": 10, "tasks": 5},
        "cell": _FIVE_WAY | {"tasks": 10},
    },
    "maml": {
        "network": _STRIDED | {"width": 8},
        "train": _FIVE_WAY | _MAML | {"iterations": 20, "meta_batch": 2, "rate": 5e-3},
        "validate": {"every": 10, "tasks": 5},
        "cell": _FIVE_WAY | {"tasks": 10},
    },
    "cnaps": {
        "network": _STRIDED | {"width": 8},
        "pretrain": {"iterations": 20, "batch": 32, "rate": 5e-3},
        "train": _FIVE_WAY | {"iterations": 20, "meta_batch": 2, "rate": 2e-3},
        "validate": {"every": 10, "tasks": 5},
        "cell": _FIVE_WAY | {"tasks": 10},
    },
}
"""A second or two a run: shows that an analysis works, and nothing about schemes."""

QUICK: Budget = {
    "protonets": {
        "network": _STRIDED,
        "train": _FIVE_WAY | {"iterations": 1000, "meta_batch": 4, "rate": 4e-3, "decay": "cosine"},
        "validate": {"every": 100, "tasks": 60},
        "cell": _FIVE_WAY | {"tasks": 400},
    },
    "maml": {
        "network": _STRIDED,
        "train": _FIVE_WAY
        | _MAML
        | {"iterations": 600, "meta_batch": 4, "rate": 5e-3, "decay": "cosine"},
        "validate": {"every": 60, "tasks": 60},
        "cell": _FIVE_WAY | {"tasks": 400},
    },
    "cnaps": {
        "network": _STRIDED,
        "pretrain": {"iterations": 1500, "batch": 64, "rate": 3e-3},
        "train": _FIVE_WAY | {"iterations": 600, "meta_batch": 4, "rate": 2e-3, "decay": "cosine"},
        "validate": {"every": 60, "tasks": 60},
        "cell": _FIVE_WAY | {"tasks": 400},
    },
}
"""About a minute a run, more for schemes that keep running moments, whose tasks come in turn; the
backbone of CNAPs takes most of a minute more, once for all schemes of a seed."""

STANDARD: Budget = {
    "protonets": {
        "network": _STRIDED | {"width": 64},
        "train": _FIVE_WAY | {"iterations": 5000, "meta_batch": 4, "rate": 3e-3, "decay": "cosine"},
        "validate": {"every": 250, "tasks": 200, "select": "best"},
        "cell": _FIVE_WAY | {"tasks": 600, "targets": 15},
    },
    "maml": {
        "network": _STRIDED | {"width": 64},
        "train": _FIVE_WAY
        | _MAML
        | {"iterations": 4000, "meta_batch": 4, "rate": 3e-3, "decay": "cosine"},
        "validate": {"every": 200, "tasks": 200},
        "cell": _FIVE_WAY | {"tasks": 600, "targets": 15},
    },
    "cnaps": {
        "network": _STRIDED | {"width": 64},
        "pretrain": {"iterations": 4000, "batch": 64, "rate": 2e-3},
        "train": _FIVE_WAY | {"iterations": 4000, "meta_batch": 4, "rate": 1e-3, "decay": "cosine"},
        "validate": {"every": 200, "tasks": 200, "select": "best"},
        "cell": _FIVE_WAY | {"tasks": 600, "targets": 15},
    },
}
"""Several minutes a run: eleven schemes, three learners and five seeds in a night on two cores."""


class Part(NamedTuple):
    """`entries` of a configuration, and the size of a test `cell`: tasks, shots and style."""

    entries: dict[str, Any]
    cell: dict[str, Any]


def part_of(budget: Budget, learner: str) -> Part:
    """A learner's part of a budget, to be changed at will. `pixels` has a cell alone."""
    if learner == "pixels":
        return Part({}, copy.deepcopy(dict(budget["protonets"]["cell"])))
    content = copy.deepcopy(dict(budget[learner]))
    cell = content.pop("cell")
    return Part(content, cell)
