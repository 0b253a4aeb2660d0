"""Programs for torch alone: they make the calls that the law made, and answer as the layer did."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tnverify.catalogue import load_catalogue
from tnverify.engine.evaluate import evaluate
from tnverify.engine.standalone import standalone
from tnverify.plans import Plan
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.recipe import Found, SubjectRecipe
from tnverify.subjects.trace import Trace

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.contract import Task

LAW = load_catalogue().named("a_target_ignores_the_other_targets")
TASK = Plan(context=2, targets=2, channels=2, weight=(2.0, -1.0), bias=(0.5,)).build()

LAYERS = """
import kept_between_calls
import torch
class Leaky(torch.nn.BatchNorm2d):
    def __init__(self, channels, scale=1.0):
        super().__init__(channels, track_running_stats=False)
        self.scale = scale
    def forward(self, x):
        return self.scale * super().forward(x)
class Counts(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
    def forward(self, x):
        kept_between_calls.CALLS += 1
        return x + kept_between_calls.CALLS
class Explicit(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
    def condition(self, context):
        return context, context.mean()
    def normalize(self, targets, state):
        return targets - state - targets.mean()
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "layers_alone.py").write_text(LAYERS)
    (tmp_path / "kept_between_calls.py").write_text("CALLS = 0")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def program_of(spec: str, adapter: str, task: Task = TASK, **handles: str) -> str:
    recipe = SubjectRecipe(spec, found=Found(adapter=adapter, handles=handles))
    trace = Trace()
    evaluate(LAW, SubjectProber(recipe.build(), trace=trace), task)
    return standalone(LAW, recipe, task, trace.calls)


def test_programs_run_without_tnverify_and_answer_alike(written: Path) -> None:
    folder = written / "out"
    folder.mkdir()
    (folder / "tnverify.py").write_text('raise ImportError("not here")')
    for number, (spec, adapter, handles) in enumerate(
        (
            ("layers_alone.py:Leaky(channels, scale=2.0)", "no_context", ("weight", "bias")),
            ("layers_alone:Leaky", "mode_flag", ("weight", "bias")),
            ("layers_alone.py:Leaky", "in_eval", ()),
            ("layers_alone.py:Explicit", "explicit_state", ()),
        )
    ):
        text = program_of(spec, adapter, **{name: name for name in handles})
        assert text
        assert str(written) not in text
        (folder / f"program{number}.py").write_text(text, encoding="utf-8")
    every = "import runpy\nfor n in range(4): runpy.run_path(f'out/program{n}.py')\n"
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, 'out')\n{every}"],
        cwd=written, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert len(lines) == 16
    assert all(line.endswith("as it did") for line in lines)


def test_what_answers_otherwise_when_it_is_tried_is_not_shown(written: Path) -> None:
    assert program_of("layers_alone.py:Counts", "no_context") == ""


def test_what_takes_more_than_calls_is_not_shown(written: Path) -> None:
    large = Plan(context=9, targets=9, channels=8).build()
    assert program_of("layers_alone.py:Leaky", "no_context", large) == ""
    past = Plan(context=2, targets=2, channels=2, past=1).build()
    assert program_of("layers_alone.py:Leaky", "no_context", past) == ""
    assert program_of("layers_alone.py:Leaky", "frozen") == ""
    nothing = SubjectRecipe("layers_alone.py:Leaky")
    assert standalone(LAW, nothing, TASK, ()) == ""
