"""The TaskNorm paper as data: its tables, curves and ranks, and its claims with what decides them.

- `table`, `tables`, `TABLES`, `grid`: accuracies, tidy, with where each comes from;
- `printed_average_ranks`, `computed_average_ranks`; `official_runs`: how far runs differ;
- `learned_alpha`, `training_loss`: curves read off figures 3 and 4c;
- `CLAIMS`, `judge`: each claim, and the verdict on it by any `Evidence`;
- `PrintedEvidence`: the paper's own figures; `MeasuredEvidence`: per-task results of one's own.

Bronskill, Gordon, Requeima, Nowozin and Turner, "TaskNorm: Rethinking Batch Normalization for
Meta-Learning", ICML 2020, arXiv 2003.03284.
"""

from tnverify.analyses.paper.claims import CLAIMS, Claim
from tnverify.analyses.paper.curves import learned_alpha, training_loss
from tnverify.analyses.paper.evidence import Cells, Differences, Evidence, Setting
from tnverify.analyses.paper.findings import Finding, Outcome, find
from tnverify.analyses.paper.measured_evidence import MeasuredEvidence
from tnverify.analyses.paper.printed_evidence import PrintedEvidence
from tnverify.analyses.paper.requirements import Requirement, as_json
from tnverify.analyses.paper.schemes import BASELINE, PRINTED_AS, Arm
from tnverify.analyses.paper.tables import (
    HELD_OUT,
    TABLES,
    PaperTable,
    computed_average_ranks,
    grid,
    official_runs,
    printed_average_ranks,
    table,
    tables,
)
from tnverify.analyses.paper.verdicts import Verdict, judge

__all__ = [
    "BASELINE",
    "CLAIMS",
    "HELD_OUT",
    "PRINTED_AS",
    "TABLES",
    "Arm",
    "Cells",
    "Claim",
    "Differences",
    "Evidence",
    "Finding",
    "MeasuredEvidence",
    "Outcome",
    "PaperTable",
    "PrintedEvidence",
    "Requirement",
    "Setting",
    "Verdict",
    "as_json",
    "computed_average_ranks",
    "find",
    "grid",
    "judge",
    "learned_alpha",
    "official_runs",
    "printed_average_ranks",
    "table",
    "tables",
    "training_loss",
]
