"""Runs in worker processes: what is recorded there is what a run here comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from configurations import small, trained
from runs import expect_same_run

from tnverify.analyses.sweep import Trained, run_sweep
from tnverify.analyses.training import SOURCES, train_one

if TYPE_CHECKING:
    from pathlib import Path


def test_workers_record_the_same_bits(drawn: str, tmp_path: Path) -> None:
    configurations = [
        small(drawn),
        small(drawn, learner="maml", scheme="transductive_bn"),
        small(drawn, learner="pixels", scheme="none"),
    ]
    swept = run_sweep(configurations, train_one, tmp_path / "out", sources=SOURCES, workers=1,
                      quiet=True)  # fmt: skip
    assert not swept.failures
    assert len(swept.records) == 3
    for configuration, record in zip(configurations, swept.records, strict=True):
        assert record.configuration == configuration
        expect_same_run(Trained(record.results, record.columns()), trained(configuration, tmp_path))


def test_a_wrong_configuration_is_a_failure_that_says_why(drawn: str, tmp_path: Path) -> None:
    wrong = small(drawn, scheme="tasknorm")
    swept = run_sweep([wrong], train_one, tmp_path / "out", sources=SOURCES, workers=1, quiet=True)
    (failure,) = swept.failures
    last = failure.reason.strip().splitlines()[-1]
    assert last.startswith("ValueError: configuration.scheme is 'tasknorm': it is one of none,")
