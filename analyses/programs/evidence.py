"""Records as evidence for the paper's claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tnverify.analyses.paper import MeasuredEvidence
from tnverify.analyses.programs import frames, settling
from tnverify.analyses.programs.alpha_parameterisation import named_forms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tnverify.analyses.paper import Arm, Cells, Differences, Setting
    from tnverify.analyses.paper.rules import Standing
    from tnverify.analyses.records import Record
    from tnverify.analyses.statistics import Estimate
    from tnverify.analyses.statistics.checked import Values


class RecordedEvidence:
    """`Evidence` of records of one condition.

    Where tasks are of a fixed way and shot, as in the paper's in-domain tables, cells of what was
    trained on count alone; cells of another style than training's count nowhere, and neither do
    trainings of a shorter budget, which tell whether the others had settled.

    Cells whose targets also come in parts are of fewer tasks than the others: they answer what
    is about batching, and the others all else, so that no test cell counts twice.
    """

    def __init__(self, records: Sequence[Record], *, resamples: int) -> None:
        settled = settling.trainings(records)
        records = settling.longest(records)
        tests = frames.tests(records)
        counting = tests["usual_style"].astype(bool) & _undamaged(tests)
        counting &= tests["own_data"].astype(bool) | (tests["tasks"] == "varied")
        tests = tests[counting]
        self.tests = _with_forms(tests)
        in_parts = self.tests["in_parts"].astype(bool)
        areas = frames.areas(records)
        learned = frames.alphas(records)
        if len(learned):
            of_backbone = learned["part"] == "backbone"
            usual = (learned["scheme"] == "tasknorm_i") & learned["alpha"].isna()
            learned = learned[of_backbone & usual]
            learned = learned.drop(columns="alpha").rename(columns={"alpha_learned": "alpha"})
        self._whole = MeasuredEvidence(
            _once(self.tests[~in_parts]),
            areas=areas if len(areas) else None,
            learned=learned if len(learned) else None,
            trainings=_with_forms(settled),
            resamples=resamples,
        )
        self._parts = MeasuredEvidence(
            _once(self.tests[in_parts]), trainings=_with_forms(settled), resamples=resamples
        )

    def cells(self, setting: Setting, arms: Sequence[Arm]) -> Cells | None:
        """See `Evidence`."""
        return self._of(*arms).cells(setting, arms)

    def differences(
        self, setting: Setting, first: Sequence[Arm], second: Sequence[Arm]
    ) -> Differences | None:
        """See `Evidence`."""
        return self._of(*first, *second).differences(setting, first, second)

    def change(self, small: Setting, large: Setting, first: Arm, second: Arm) -> Estimate | None:
        """See `Evidence`."""
        return self._of(first, second).change(small, large, first, second)

    def spread(self, setting: Setting, arms: Sequence[Arm]) -> Estimate | None:
        """See `Evidence`."""
        return self._of(*arms).spread(setting, arms)

    def draws(self, setting: Setting, arms: Sequence[Arm]) -> Values | None:
        """See `Evidence`."""
        return self._of(*arms).draws(setting, arms)

    def standing(self, settings: Sequence[Setting], arms: Sequence[Arm]) -> Standing | None:
        """See `Evidence`."""
        return self._of(*arms).standing(settings, arms)

    def same_for_every_batching(self, setting: Setting, scheme: str) -> bool | None:
        """See `Evidence`."""
        return self._parts.same_for_every_batching(setting, scheme)

    def alphas(self, setting: Setting) -> pd.DataFrame | None:
        """See `Evidence`."""
        return self._whole.alphas(setting)

    def chances(self, setting: Setting) -> Mapping[str, float] | None:
        """See `Evidence`."""
        return self._whole.chances(setting)

    def _of(self, *arms: Arm) -> MeasuredEvidence:
        whole = all(arm.target_batching == "all" for arm in arms)
        return self._whole if whole else self._parts


def _undamaged(tests: pd.DataFrame) -> pd.Series:
    """Rows of tasks as they are drawn for training and testing, not of `robustness`."""
    return ~tests["configuration"].str.contains(r" (?:imbalance|shift|spoilt) ", regex=True)


def _with_forms(tests: pd.DataFrame) -> pd.DataFrame:
    """The rows, and those of TaskNorm-I's usual form once more under that form's name."""
    usual = tests[tests["alpha"].isna()]
    named = named_forms(usual)
    return pd.concat([tests, named[named["alpha"].notna()]], ignore_index=True)


def _once(tests: pd.DataFrame) -> pd.DataFrame:
    """Each task of each arm once, and of every configuration the tasks that all its runs have.

    Merged reports may hold a run twice, at two sizes: the later record counts.
    """
    if tests.empty:
        return tests
    keys = ["learner", "tasks", "configuration", "scheme", "alpha", "per_channel",
            "target_batching", "seed", "task"]  # fmt: skip
    once = tests.drop_duplicates(keys, keep="last")
    cell = once.groupby(["learner", "tasks", "configuration"])
    runs = cell["record"].transform("nunique")
    having = once.groupby(["learner", "tasks", "configuration", "task"])["record"]
    return once[having.transform("nunique") == runs].reset_index(drop=True)
