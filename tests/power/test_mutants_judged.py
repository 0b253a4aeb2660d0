"""Mutants of small layers before the laws, for real: every fate, and what is said of it."""

from __future__ import annotations

import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from makeshift import devices_built_on
from torch import nn

pytest.importorskip("libcst", reason="the extra is not installed here")

from tnverify.engine.profiles import PROFILES, Profile
from tnverify.power.mutants import advice, judge
from tnverify.power.mutants import survey as surveys
from tnverify.power.mutants.behaviours import behaviour_mutants
from tnverify.power.mutants.differences import _in_one
from tnverify.power.mutants.home import Home, home_of
from tnverify.power.mutants.judge import Original, _answers_nothing, look
from tnverify.power.mutants.mutant import Judged, Mutant
from tnverify.power.mutants.survey import Survey, survey
from tnverify.power.replay import tasks_for
from tnverify.subjects import SubjectRecipe, Unusable, resolve
from tnverify.subjects.rebuilding import with_found

if TYPE_CHECKING:
    from collections.abc import Iterator

QUICK = PROFILES["quick"]
FEW = Profile("few", tasks=4, corpus=6, native_every=3)
"""A smaller budget, for what does not depend on how many tasks are asked."""
FEWER = replace(PROFILES["thorough"], corpus=60)
"""Of the largest profile no more: mutants that are equivalent are compared on all of its plans."""
LAYER = '''\
import os
import sys

import torch
from torch import nn

from beside import EPS

calls = 0


class Own(nn.Module):
    """Instance norm."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        dims = tuple(range(2, x.dim()))
        mean = x.mean(dims, keepdim=True)
        var = (x - mean).square().mean(dims, keepdim=True)
        shape = (1, -1, *(1,) * (x.dim() - 2))
        y = (x - mean) / (var + EPS).sqrt()
        return y * self.weight.view(shape) + self.bias.view(shape)
'''
LINE = "        y = (x - mean) / (var + EPS).sqrt()\n"


def mutant(name: str, old: str, new: str) -> Mutant:
    assert old in LAYER
    return Mutant(name, "statement", 1, f"-{old}\n+{new}", LAYER.replace(old, new))


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The layer, in a folder that is not the current one, with a module beside it.

    What a test imports of it in this process is forgotten: the next test has a module of its own
    under the same name.
    """
    folder = tmp_path / "layers"
    folder.mkdir()
    (folder / "own.py").write_text(LAYER)
    (folder / "beside.py").write_text("EPS = 1e-5\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield "layers/own.py:Own"
    sys.modules.pop("beside", None)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROFILES, FEW.name, FEW)
    monkeypatch.setitem(PROFILES, FEWER.name, FEWER)
    for module in (advice, judge):
        monkeypatch.setattr(module, "MOST_DRAWN", FEWER.corpus)


def judged(
    monkeypatch: pytest.MonkeyPatch,
    spec: str,
    *mutants: Mutant,
    claims: str | None = None,
    profile: Profile = FEW,
) -> tuple[Judged, ...]:
    """What becomes of these mutants of the layer."""
    monkeypatch.setattr(surveys, "_mutants", lambda original: (mutants, None))
    found = survey(SubjectRecipe(spec, claims), profile, 0)
    assert found.made == len(found.found) == len(mutants)
    return tuple(each for _, each in found.found)


def test_laws_catch_what_is_wrong_and_not_what_is_right(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, gentle, right = judged(
        monkeypatch,
        spec,
        mutant("mixes items", "range(2, x.dim())", "(0, *range(2, x.dim()))"),
        mutant("halves", "def forward(self, x):\n", "def forward(self, x):\n        x = +x\n"),
        mutant("says more", "calls = 0", "calls = 1"),
    )
    assert (wrong.fate, wrong.decides) == ("caught", True)
    assert wrong.first is not None
    assert wrong.first.law == "a_target_ignores_the_other_targets"
    assert gentle.fate == right.fate == "equivalent"


def test_a_matrix_has_every_law_that_catches(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = mutant("mixes items", "range(2, x.dim())", "(0, *range(2, x.dim()))")
    monkeypatch.setattr(surveys, "_mutants", lambda original: ((wrong,), None))
    found = survey(SubjectRecipe(spec), FEW, 0, matrix=True)
    ((_, whole),) = found.found
    assert {"a_target_ignores_the_other_targets", "outputs_agree_with_the_formula"} <= {
        kill.law for kill in whole.kills
    }
    assert whole.decides


@pytest.mark.slow
def test_a_layer_of_a_package_is_changed_in_its_own_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "some_layers"
    package.mkdir()
    (package / "__init__.py").write_text("from .own import Own\n")
    (package / "beside.py").write_text("EPS = 1e-5\n")
    text = LAYER.replace("from beside", "from .beside")
    (package / "own.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    right = Mutant("says more", "constant", 9, "", text.replace("calls = 0", "calls = 1"))
    wrong = Mutant("no square", "call", 1, "", text.replace(".square()", ""))
    assert [each.fate for each in judged(monkeypatch, "some_layers:Own", right, wrong)] == [
        "equivalent", "caught",
    ]  # fmt: skip


def test_what_cannot_run_is_stillborn(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(
        monkeypatch,
        spec,
        mutant("no such name", "self.weight.view", "self.wieght.view"),
        mutant("no such module", "from beside import", "from besides import"),
        mutant("leaves politely", LINE, "        sys.exit(0)\n"),
        mutant("leaves at once", "calls = 0", "sys.exit(0)"),
    )
    assert [each.fate for each in found] == ["stillborn"] * 4
    assert found[0].why == "raises AttributeError: 'Own' object has no attribute 'wieght'"
    assert found[1].why.startswith("does not import: ModuleNotFoundError")
    assert found[2].why.startswith("raises SystemExit")
    assert found[3].why.startswith("does not import: SystemExit")


@pytest.mark.slow
def test_nothing_that_a_mutant_does_ends_the_survey(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = judged(
        monkeypatch,
        spec,
        mutant("loops", LINE, "        while True:\n            pass\n"),
        mutant("exits", LINE, "        os._exit(0)\n"),
        mutant("exits on import", "calls = 0", "os._exit(3)"),
        mutant("loops on import", "calls = 0", "while True: pass"),
        mutant("dies", LINE, "        os.abort()\n"),
        mutant("exits on large tasks", LINE,
               f"        if len(x) > 8:\n            os._exit(0)\n{LINE}"),
        mutant("loops on large tasks", LINE,
               f"        while len(x) > 8:\n            pass\n{LINE}"),
    )  # fmt: skip
    assert [each.fate for each in found] == ["stopped"] * 6 + ["caught"]
    assert [each.why for each in found[:6]] == [
        "hangs in condition",
        "it ended its process with exit code 0",
        "it ended its process with exit code 3",
        "hangs on import",
        "its process died of SIGABRT",
        "it ended its process with exit code 0",
    ]


@pytest.mark.slow
def test_a_survivor_says_how_it_differs_and_what_to_add(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaled = mutant("scales", LINE, f"{LINE}        y = y * 1.5\n")
    (loose,) = judged(monkeypatch, spec, scaled, claims="inductive")
    assert loose.fate == "survives"
    assert "outputs differ on" in loose.difference
    assert "in float64, by at most" in loose.difference
    assert "what its outputs agree with (--claims instance_norm)" in loose.advice
    (strict,) = judged(monkeypatch, spec, scaled)
    assert strict.fate == "caught"


@pytest.mark.slow
def test_a_task_that_the_profile_does_not_draw_is_named(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = [(p.targets, p.channels, *p.spatial) for p in tasks_for(0, FEWER.corpus, 2, 1)]
    rare = max(shapes[QUICK.corpus :], key=math.prod)
    assert rare not in shapes[: QUICK.corpus]
    (found,) = judged(
        monkeypatch, spec,
        mutant("rare", LINE, f"{LINE}        y = y * (2.0 if tuple(x.shape) == {rare} else 1.0)\n"),
        profile=QUICK,
    )  # fmt: skip
    assert found.fate == "survives"
    assert "the profile draws no task that shows it; profile thorough does: " in found.advice


@pytest.mark.slow
def test_the_smallest_profile_that_draws_a_task_is_named(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = [(p.targets, p.channels, *p.spatial) for p in tasks_for(0, FEWER.corpus, 2, 1)]
    rare = max(shapes[QUICK.corpus : PROFILES["default"].corpus], key=math.prod)
    assert rare not in shapes[: QUICK.corpus]
    (found,) = judged(
        monkeypatch, spec,
        mutant("rare", LINE, f"{LINE}        y = y * (2.0 if tuple(x.shape) == {rare} else 1.0)\n"),
        profile=QUICK,
    )  # fmt: skip
    assert "draws no task that shows it; profile default does: " in found.advice


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "fate"),
    # Wide plans have many channels; without pixels this layer takes its mean over all items.
    [("x.shape[1] >= 12", "caught"), ("x.dim() == 2", "survives")],
    ids=["many channels", "vectors"],
)
def test_sizes_that_no_profile_draws_are_tried_and_named(
    spec: str, monkeypatch: pytest.MonkeyPatch, when: str, fate: str
) -> None:
    (found,) = judged(
        monkeypatch, spec,
        mutant("rare", LINE, f"{LINE}        y = y.detach() if {when} else y\n"),
        claims="inductive",
    )  # fmt: skip
    assert found.fate == fate
    if fate == "survives":
        told = "(2 channels, no pixels), and on them the layer itself fails a_target_"
        assert "gradients differ on" in found.difference
        assert f"no profile draws tasks of the sizes that show it {told}" in found.advice


@pytest.mark.slow
def test_a_layer_that_is_wrong_where_no_profile_looks_is_told(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a layer conforms; its mutants show it."""
    wrong = LAYER.replace(LINE, f"{LINE}        y = y * (3.0 if x.shape[1] > 8 else 1.0)\n")
    Path("layers/own.py").write_text(wrong)
    other = Mutant("3 becomes 2", "constant", 29, "", wrong.replace("(3.0 if", "(2.0 if"))
    (found,) = judged(monkeypatch, spec, other, claims="instance_norm")
    assert found.fate == "survives"
    assert "on them the layer itself fails " in found.advice


@pytest.mark.slow
def test_what_agrees_with_no_scheme_is_not_to_be_claimed(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = LAYER.replace(LINE, f"{LINE}        y = y + 0.125 * y.tanh()\n")
    Path("layers/own.py").write_text(own)
    other = Mutant("no tanh", "call", 28, "", own.replace(".tanh()", ""))
    (found,) = judged(monkeypatch, spec, other)
    assert found.fate == "survives"
    assert "the layer's outputs agree with no scheme, so no law knows its formula" in found.advice


def test_mutants_are_judged_on_the_device_that_is_named(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No machine has a second device for sure: what is built for one is built beside it."""
    original = look(SubjectRecipe(spec, "instance_norm"), "few", 0, "cpu:0")
    assert original.found.device == "cpu:0"
    layer = original.recipe.build()
    devices = devices_built_on(monkeypatch)
    assert _answers_nothing(layer) is None
    assert devices == {"cpu:0"}
    devices.clear()
    assert _in_one(layer, layer, tasks_for(0, 2, 2, 1), torch.float64) is None
    assert devices == {"cpu:0"}


def test_the_users_files_are_left_alone(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    make = tempfile.TemporaryDirectory

    def noted(**how: str) -> tempfile.TemporaryDirectory[str]:
        folder = make(**how)
        made.append(folder.name)
        return folder

    monkeypatch.setattr(surveys.tempfile, "TemporaryDirectory", noted)
    judged(monkeypatch, spec, mutant("scales", LINE, f"{LINE}        y = y * 2\n"))
    files = {path.name for path in Path("layers").rglob("*.py")}
    assert files == {"beside.py", "own.py"}
    assert Path("layers/own.py").read_text() == LAYER
    assert len(made) == 1
    assert not Path(made[0]).exists()


def small(spec: str, tmp_path: Path, text: str) -> Survey:
    (tmp_path / "small.py").write_text(text)
    return survey(SubjectRecipe(spec), FEW, 0, jobs=2)


def test_a_whole_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = small(
        "small.py:Identity",
        tmp_path,
        "from torch import nn\n\n\nclass Identity(nn.Module):\n    def __init__(self, channels):\n"
        "        super().__init__()\n\n    def forward(self, x):\n        return x * 1.0\n",
    )
    fates = {m.name: j.fate for m, j in found.found}
    assert fates == {
        "6: left out: super().__init__()": "stillborn",
        "9: detached: x * 1.0": "caught",
        "9: * becomes / in x * 1.0": "equivalent",
        "9: 1.0 becomes 0.0": "caught",
        "9: 1.0 becomes 10.0": "caught",
        "leaks targets": "caught",
        "forgets context": "equivalent",
        "keeps first task": "equivalent",
        "rounds to half": "caught",
    }
    assert found.score == 1.0
    assert found.original.verdict == "conforms"
    assert str(found.original.recipe.held_to) == "none"


def test_a_layer_without_source_is_changed_in_what_it_does() -> None:
    class Inside:
        pass

    assert home_of(len) == "a builtin_function_or_method has no source of its own"
    assert home_of(Inside) == "it is defined inside a function"
    found = home_of(nn.Identity)
    assert isinstance(found, Home)
    assert (found.module, found.qualname) == ("torch.nn.modules.linear", "Identity")
    request = SubjectRecipe("torch.nn:Identity()")
    recipe = with_found(request, resolve(request).subject)
    original = Original(recipe, "no source of it is to be found", "conforms", 1, (), (), 1.0)
    assert surveys._mutants(original) == (behaviour_mutants(), original.home)


def test_laws_that_the_layer_fails_itself_count_for_nothing(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = mutant("mixes items", "range(2, x.dim())", "(0, *range(2, x.dim()))")
    monkeypatch.setattr(surveys, "_mutants", lambda original: ((edit,), None))
    mixing = LAYER.replace("range(2, x.dim())", "(0, *range(2, x.dim()))")
    Path("layers/own.py").write_text(mixing)
    found = survey(SubjectRecipe(spec, "instance_norm"), FEW, 0)
    assert found.original.verdict == "violates"
    assert "a_target_ignores_the_other_targets" in found.original.fails
    assert [judged.fate for _, judged in found.found] == ["equivalent"]


def test_a_layer_that_cannot_be_used_is_no_subject(
    spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("layers/beside.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(Unusable, match="does not import: SystemExit"):
        survey(SubjectRecipe(spec), FEW, 0)
    Path("layers/beside.py").write_text("import os\nos._exit(4)\n")
    with pytest.raises(Unusable, match="it ended its process with exit code 4"):
        survey(SubjectRecipe(spec), FEW, 0)
