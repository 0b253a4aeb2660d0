"""Training and testing one learner: what a sweep runs for each configuration.

    run_sweep(configurations, train_one, out, sources=SOURCES)

`train_one` says what a configuration has, `QUICK`, `SMOKE` and `STANDARD` (see `budgets`) how much
of each learner. It records, as figures: `seconds` of training alone (on a CPU of processor time,
so that other processes do not count), `seconds_per_iteration`, `seconds_of_data`, trained
`parameters`, `final_loss` (over the last twentieth; None where it is not finite), `iterations`,
`iterations_not_finite`, `data` (fingerprints). As arrays:

- `tasks/`: `configuration` (the cell), `target_batching`, `task`, `accuracy` (percent), `way`,
  `shot` (mean over classes), `context` (items): a row a test task, cell and batching;
- `validation/`: `iteration`, `seconds`, `accuracy` (percent); `training/`: `iteration`, `loss`;
- `learned/` for TaskNorms: `layer`, `context_size`, `alpha` (mean over channels), `lowest`,
  `highest`: a row a layer and context size.
"""

from __future__ import annotations

from .budgets import QUICK, SMOKE, STANDARD, Part, part_of
from .run import train_one
from .settings import LEARNERS, STYLES, Settings, read_settings

SOURCES: tuple[str, ...] = (
    "tnverify.analyses.data",
    "tnverify.analyses.learners",
    "tnverify.analyses.tasks",
    "tnverify.analyses.training",
    "tnverify.norms",
)
"""The modules whose change makes every run a new one, for `run_sweep`."""

__all__ = [
    "LEARNERS",
    "QUICK",
    "SMOKE",
    "SOURCES",
    "STANDARD",
    "STYLES",
    "Part",
    "Settings",
    "part_of",
    "read_settings",
    "train_one",
]
