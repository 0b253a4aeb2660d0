"""The benchmark of learning measures what it says, and its door says what is missing."""

from __future__ import annotations

import importlib.util
import json
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from drawn_folder import write_drawn_folder

from tnverify.analyses.bench import learning as learning_bench
from tnverify.analyses.bench import steps
from tnverify.analyses.bench.learning import Setting, learning, measure
from tnverify.analyses.bench.profile import share_of
from tnverify.bench.__main__ import bench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_every_ratio_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TNVERIFY_CACHE", str(tmp_path / "cache"))
    write_drawn_folder(tmp_path / "images")
    for name, few in (("targets", 2), ("meta_batch", 2)):
        monkeypatch.setitem(steps.TASKS, name, few)
    monkeypatch.setattr(learning_bench, "_FIVE_SHOT", {"shot": 5})
    monkeypatch.setattr(learning_bench, "_MAML_TASKS", {"1 step": {"order": 2, "steps": 1}})
    data = f"folder:{tmp_path / 'images'}"
    rows = measure(Setting(data=data, budget=0.0, networks=("conv4 8",)))
    keys = [(row.quantity, row.subject, row.against) for row in rows]
    assert len(keys) == len(set(keys))
    assert all(row.value > 0 and math.isfinite(row.value) for row in rows)
    for row in rows:
        if row.against in {"step", "iteration"}:
            assert row.value < 1
    assert ("MAML step, 1 step", "tasknorm_i", "transductive_bn") in keys
    assert ("MAML step, 1 step", "tasknorm_i", "meta_bn") in keys
    assert ("norms in a step of prototypical networks", "tasknorm_i", "step") in keys
    assert ("four tasks of maml", "one launch", "loop") in keys


def event(name: str, start: float, end: float, number: int = -1) -> SimpleNamespace:
    return SimpleNamespace(
        name=name, time_range=SimpleNamespace(start=start, end=end), sequence_nr=number
    )


def test_backward_counts_where_its_forward_ran_in_a_norm() -> None:
    evaluate = "autograd::engine::evaluate_function: "
    events = [
        event("tnverify::step", 0, 100),
        event("aten::conv", 0, 10, 1),
        event("tnverify::norm", 10, 20),
        event("aten::mul", 11, 15, 2),
        event("aten::detach", 16, 17, 3),  # makes no node: the next one that does has its number
        event("aten::relu", 20, 25, 3),
        event(evaluate + "ReluBackward0", 30, 40, 3),
        event(evaluate + "MulBackward0", 40, 55, 2),
        event(evaluate + "ConvBackward0", 55, 90, 1),
    ]
    assert share_of(events) == (10 + 15) / 100


def test_json_has_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = learning_bench.Row("four tasks", "one launch", "loop", "conv4 8", "cpu", 0.5, None)
    asked: list[Setting] = []
    monkeypatch.setattr(learning_bench, "pin_heap", lambda: None)
    monkeypatch.setattr(learning_bench, "measure", lambda s: asked.append(s) or [row])
    path = tmp_path / "rows.json"
    words = ["--network", "conv4 8", "--budget", "0.5", "--json", str(path)]
    ran = CliRunner().invoke(learning, words)
    assert ran.exit_code == 0, ran.output
    assert (asked[0].networks, asked[0].budget, asked[0].data) == (("conv4 8",), 0.5, "glyphs")
    assert json.loads(path.read_text()) == [row._asdict()]
    assert "0.500" in ran.output


def test_what_is_missing_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "skimage" else find_spec(name)
    )
    ran = CliRunner().invoke(bench, ["learning"])
    assert ran.exit_code == 1
    assert ran.output == (
        "Error: the benchmark of learning needs skimage, which is not installed:"
        " pip install '.[analyses]' in a clone\n"
    )


def test_the_door_lists_it_and_hands_words_over() -> None:
    assert "learning" in CliRunner().invoke(bench, ["--help"]).output
    assert "--budget" in CliRunner().invoke(bench, ["learning", "--help"]).output
    ran = CliRunner().invoke(bench, ["learning", "--device", "abacus"])
    assert ran.exit_code == 2
    assert "'abacus' is not one of" in ran.output
