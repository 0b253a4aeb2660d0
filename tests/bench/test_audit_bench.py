"""The benchmark of audits: what it prints and writes of what it measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from click.testing import CliRunner

from tnverify.bench import audits

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_costs_are_told_in_evaluations_of_one_task(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(audits, "measured", lambda name: audits.Row(name, 3.0, 0.125, 40))
    threads, file = torch.get_num_threads(), tmp_path / "rows.json"
    ended = CliRunner().invoke(audits.audits, ["--profile", "quick", "--json", str(file)])
    torch.set_num_threads(threads)
    assert ended.output.startswith("quick: 24 evaluations of one task (goal: at most 15)")
    assert [row["evaluations"] for row in json.loads(file.read_text())] == [24.0]


def test_the_learner_that_is_timed_answers_every_target() -> None:
    learner = audits.Conv4()
    found = learner(torch.zeros(2, 1, 28, 28), torch.tensor([0, 1]), torch.zeros(3, 1, 28, 28))
    assert found.shape == (3, 2)
