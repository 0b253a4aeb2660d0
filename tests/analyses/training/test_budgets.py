"""Budgets are whole: every learner over every scheme of it can be read and run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from configurations import COMPANIES, trained
from drawn_folder import SIDE

from tnverify.analyses.learners import SCHEMES
from tnverify.analyses.training import QUICK, SMOKE, STANDARD, part_of, read_settings

if TYPE_CHECKING:
    from pathlib import Path

BUDGETS = {"smoke": SMOKE, "quick": QUICK, "standard": STANDARD}
LEARNERS = ("protonets", "maml", "cnaps", "pixels")


def configured(budget: str, learner: str, scheme: str, data: str) -> dict[str, Any]:
    part = part_of(BUDGETS[budget], learner)
    cell = {"configuration": "c", **part.cell, "batchings": COMPANIES}
    return {"learner": learner, "scheme": scheme, "seed": 0, "data": data, **part.entries,
            "test": [cell]}  # fmt: skip


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize("budget", BUDGETS)
def test_every_budget_can_be_read_for_every_scheme(budget: str, learner: str) -> None:
    for scheme in SCHEMES if learner != "pixels" else ("none",):
        read = read_settings(configured(budget, learner, scheme, "glyphs"))
        assert read.test[0].tasks >= 10
        if read.train is not None:
            assert read.train.iterations % read.validate.every == 0


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_smoke_run_is_a_run(learner: str, drawn: str, tmp_path: Path) -> None:
    configuration = configured(
        "smoke", learner, "none" if learner == "pixels" else "tasknorm_i", drawn
    )
    run = trained(configuration | {"side": SIDE, "channels": 1}, tmp_path)
    assert len(run.arrays["tasks/accuracy"]) == 30
    assert np.isfinite(run.arrays.get("training/loss", np.zeros(1))).all()


def test_a_part_is_one_s_own() -> None:
    part_of(QUICK, "maml").entries["train"]["way"] = 7
    part_of(QUICK, "maml").cell["way"] = 7
    again = part_of(QUICK, "maml")
    assert again.entries["train"]["way"] == again.cell["way"] == 5
