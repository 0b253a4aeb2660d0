"""Few-shot tasks of images, seeded so that every scheme meets the same ones.

    source = TaskSource(glyphs.split("train"), FixedShots(way=5, shot=5), seed=0, style=Style())
    task = source[17]                       # an ImageTask; the same one whenever it is asked for
    task.context, task.context_labels       # (25, 1, 28, 28) float32, (25,) int64 in 0..4
    task.targets, task.target_labels        # (75, 1, 28, 28), (75,), sorted by label
    for places in batches(task.target_labels, "item"): ...   # "all", "class", "item"
    stacked(source.tasks(range(16)))        # one tensor over 16 tasks, for a launch over all

Rules: `FixedShots` (with long-tailed targets where `imbalance` is above 1) and `VariableShots`,
Meta-Dataset's. A `Style` shifts gain, offset, sign and noise, in common to a task, to each of its
sets, or to no two images; `Corruption` spoils a share of the context. Task number i is a function
of (seed, splits, rule, i); style and corruption change values only, not which images.
`LabelledBatches` are for training a backbone before any task.
"""

from __future__ import annotations

from .batching import COMPANIES, Company, batches
from .corruption import Corruption
from .counts import ContextLimits
from .pretraining import LabelledBatches
from .shots import FixedShots, Make, Shots, VariableShots
from .source import ImageTask, TaskSource
from .stacking import Stack, stacked
from .style import Style

__all__ = [
    "COMPANIES",
    "Company",
    "ContextLimits",
    "Corruption",
    "FixedShots",
    "ImageTask",
    "LabelledBatches",
    "Make",
    "Shots",
    "Stack",
    "Style",
    "TaskSource",
    "VariableShots",
    "batches",
    "stacked",
]
