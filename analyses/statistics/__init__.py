"""Statistics of accuracies and training curves, over scipy: pure functions on arrays.

- `mean_interval`, `paper_interval`, `bootstrap_interval`: a mean and its interval;
- `compare_paired`, `compare_family`, `holm`: schemes on identical tasks, one trained model each;
- `two_level`, `two_level_difference`, `two_level_own_tasks`: over training seeds and tasks;
- `two_level_draws`: many cells resampled together, for ranks and ranges;
- `average_ranks`, `ranks_of`, `tie_groups`: Meta-Dataset's rank rule, by which the paper ranks;
- `friedman`, `nemenyi`, `critical_difference`, `not_told_apart`: many schemes, many data sets;
- `samples_needed`, `tasks_needed_with_seeds`, `detectable_difference`, `power_of`: before a run;
- `area_under_curve`, `reached_at`: training curves.

Whatever draws at random takes a seeded `numpy.random.Generator`.
"""

from tnverify.analyses.statistics.curves import area_under_curve, reached_at
from tnverify.analyses.statistics.friedman import (
    Friedman,
    critical_difference,
    friedman,
    nemenyi,
    not_told_apart,
)
from tnverify.analyses.statistics.intervals import (
    TOLD,
    Estimate,
    bootstrap_interval,
    mean_interval,
    paper_interval,
)
from tnverify.analyses.statistics.paired import (
    FamilyMember,
    PairedComparison,
    compare_family,
    compare_paired,
    holm,
)
from tnverify.analyses.statistics.power import (
    detectable_difference,
    power_of,
    samples_needed,
    tasks_needed_with_seeds,
)
from tnverify.analyses.statistics.ranks import average_ranks, ranks_of, tie_groups
from tnverify.analyses.statistics.two_level import (
    TwoLevels,
    two_level,
    two_level_difference,
    two_level_draws,
    two_level_own_tasks,
)

__all__ = [
    "TOLD",
    "Estimate",
    "FamilyMember",
    "Friedman",
    "PairedComparison",
    "TwoLevels",
    "area_under_curve",
    "average_ranks",
    "bootstrap_interval",
    "compare_family",
    "compare_paired",
    "critical_difference",
    "detectable_difference",
    "friedman",
    "holm",
    "mean_interval",
    "nemenyi",
    "not_told_apart",
    "paper_interval",
    "power_of",
    "ranks_of",
    "reached_at",
    "samples_needed",
    "tasks_needed_with_seeds",
    "tie_groups",
    "two_level",
    "two_level_difference",
    "two_level_draws",
    "two_level_own_tasks",
]
