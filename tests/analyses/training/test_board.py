"""Logs for TensorBoard: there where they are asked for, and what is missing is named."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import pytest
from configurations import small, trained
from runs import expect_same_run, interrupted

from tnverify.analyses.training import run as run_module

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_missing_is_named_with_the_extra(
    drawn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "tensorboard" else find_spec(name, *rest),
    )
    with pytest.raises(ValueError, match=r"pip install '.\[tensorboard\]' in a clone"):
        trained(small(drawn), tmp_path, logs=tmp_path / "logs")


@pytest.mark.slow
def test_scalars_are_what_is_recorded(
    drawn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # Killed between checkpoints, so that iterations are trained and logged twice.
    monkeypatch.setattr(run_module, "CHECKPOINT_EVERY", 1e9)
    run = interrupted(small(drawn), tmp_path / "run", 4, logs=tmp_path / "logs")
    expect_same_run(run, trained(small(drawn), tmp_path))
    (folder,) = (tmp_path / "logs").iterdir()
    assert folder.name.startswith("protonets-tasknorm_i-seed0-")
    events = EventAccumulator(str(folder))
    events.Reload()
    losses = [(each.step, each.value) for each in events.Scalars("loss")]
    assert [step for step, _ in losses] == run.arrays["training/iteration"].tolist()
    assert np.array_equal(
        np.float32([value for _, value in losses]), np.float32(run.arrays["training/loss"])
    )
    validated = [each.value for each in events.Scalars("validation accuracy")]
    assert np.array_equal(np.float32(validated), np.float32(run.arrays["validation/accuracy"]))
