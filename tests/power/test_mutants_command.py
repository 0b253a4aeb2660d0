"""`tnverify power SPEC` as a user types it: exit codes, files, and bad input in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from command_line import Terminal
from jsonschema import Draft202012Validator

from tnverify.engine.profiles import PROFILES
from tnverify.isolation import Ended, Limits
from tnverify.power.mutants.as_json import schema
from tnverify.power.mutants.home import Home
from tnverify.power.mutants.judge import Original
from tnverify.power.mutants.mutant import Judged, Mutant
from tnverify.power.mutants.survey import Survey
from tnverify.power.rows import Kill
from tnverify.subjects import SubjectRecipe
from tnverify.subjects.recipe import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

pytest.importorskip("libcst", reason="the extra is not installed here")


DIFF = "--- a.py\n+++ a.py\n@@ -1 +1 @@\n-x + 1\n+x - 1"
CAUGHT = (
    Mutant("1: + becomes - in x + 1", "arithmetic", 1, DIFF),
    Judged("caught", (Kill("outputs_agree_with_the_formula", 3, 2),), decides=True, seconds=0.1),
)
GENTLY = (
    Mutant("leaks targets", "behaviour", None, "a little", behaviour="leaks_targets"),
    Judged("caught", (Kill("memory_format_is_kept", 5, 2),)),
)
SURVIVOR = (
    Mutant("2: 1 becomes 2", "constant", 2, DIFF),
    Judged("survives", difference="outputs differ on 2 of 330 tasks", advice="claim meta_bn"),
)
ALIKE = (Mutant("3: > becomes >=", "comparison", 3, DIFF), Judged("equivalent"))
UNBORN = (Mutant("4: 2 becomes 3", "constant", 4, DIFF), Judged("stillborn", why="raises KeyError"))
STOPPED = (Mutant("5: left out: i += 1", "statement", 5, DIFF), Judged("stopped", why="hangs"))

REQUEST = SubjectRecipe("a.py:A", "meta_bn")
RECIPE = replace(REQUEST, found=Found("mode_flag", "meta_bn"))
ORIGINAL = Original(RECIPE, Home("/a.py", "a", "A"), "conforms", 51, (), (), 1.0)


def surveyed(*found: tuple[Mutant, Judged], **changes: object) -> Survey:
    whole = Survey(REQUEST, PROFILES["quick"], 0, ORIGINAL, found, len(found), seconds=2.0)
    return replace(whole, **changes)  # type: ignore[arg-type]  # fields of Survey


@pytest.fixture
def tnverify(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Terminal:
    """The command, in an empty directory and 100 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal(capsys)


class Made:
    """Stands in for a survey, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer = surveyed(CAUGHT)
        self.asked: tuple[object, ...] = ()
        self.how: dict[str, object] = {}

    def survey(self, *asked: object, **how: object) -> Survey:
        self.asked, self.how = asked, how
        return self.answer


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    stand_in = Made()
    monkeypatch.setattr("tnverify.power.mutants.survey.survey", stand_in.survey)
    return stand_in


def test_a_layer_for_real(tnverify: Terminal, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "class Own:\n    def __init__(self, channels):\n        pass\n\n"
        "    def __call__(self, x):\n        return +x\n"
    )
    ended = tnverify(
        "power", "own.py:Own", "--claims", "none", "--adapter", "no_context", "--profile", "quick",
        "--json", "power.json",
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    assert "Mutants of own.py:Own" in ended.out
    assert "what the layer is itself: none (claimed), eps 1e-05, by the adapter" in ended.out
    assert "Mutation score 100 %: 2 of 2 are caught (profile quick, seed 0" in ended.out
    content = json.loads((tmp_path / "power.json").read_text())
    Draft202012Validator(schema()).validate(content)
    fates = {mutant["name"]: mutant["fate"] for mutant in content["mutants"]}
    assert fates == {
        "leaks targets": "caught",
        "forgets context": "equivalent",
        "keeps first task": "equivalent",
        "rounds to half": "caught",
    }


def test_every_fate_is_shown(tnverify: Terminal, made: Made, tmp_path: Path) -> None:
    made.answer = surveyed(CAUGHT, SURVIVOR, ALIKE, UNBORN, STOPPED, GENTLY)
    ended = tnverify("power", "a.py:A", "--json", "all.json")
    assert ended.code == 1
    lines = [" ".join(line.split()) for line in ended.out.splitlines()]
    assert "3 1: + becomes - in x + 1 outputs_agree_with_the_formula" in lines
    assert "5 leaks targets memory_format_is_kept (should)" in lines
    assert "Survives: 2: 1 becomes 2" in lines
    assert "+x - 1" in lines
    assert "to add claim meta_bn" in lines
    assert "constant 2 1 0 1 - -" in lines
    assert "all 6 3 2 1 4 5" in lines
    assert "3: > becomes >=" in ended.out
    assert "Mutation score 66.7 %: 2 of 3 are caught, 1 of them by should-level laws" in ended.out
    content = json.loads((tmp_path / "all.json").read_text())
    Draft202012Validator(schema()).validate(content)
    assert content["counts"] == {
        "caught": 2, "survives": 1, "equivalent": 1, "stillborn": 1, "stopped": 1,
    }  # fmt: skip
    assert content["mutants"][1]["advice"] == "claim meta_bn"


def test_long_names_and_what_was_said_before_fit(
    tnverify: Terminal, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "1: detached: x.mean((0, 2, 3), keepdim=True)"
    kill = Kill("no_gradient_flows_between_context_items_that_keep_apart", 3, 2)
    long = (Mutant(name, "detach", 1, DIFF), Judged("caught", (kill, kill), decides=True))
    other = Mutant("3: 1 becomes 2", "constant", 3, DIFF)
    made.answer = surveyed(CAUGHT, long, SURVIVOR, (other, SURVIVOR[1]))
    ended = tnverify("power", "a.py:A")
    assert max(map(len, ended.out.splitlines())) <= 80
    assert f"     3  {name}\n          {kill.law} and 1 more\n" in ended.out
    assert ended.out.count("to add      claim meta_bn\n") == 1
    assert ended.out.count("to add      as above\n") == 1


@pytest.mark.parametrize(
    ("answer", "code", "shown"),
    [
        (surveyed(CAUGHT), 0, "Mutation score 100 %: 1 of 1"),
        (surveyed(CAUGHT, SURVIVOR), 1, "Mutation score 50.0 %: 1 of 2"),
        (surveyed(ALIKE), 3, "nothing was measured"),
        (surveyed(CAUGHT, made=9, interrupted=True), 130, "1 of 9 mutants were judged"),
        (surveyed(*[CAUGHT] * 4999, SURVIVOR), 1, "Mutation score 99.9 %: 4999 of 5000"),
        (surveyed(CAUGHT, no_source="it is compiled"), 0, "not changed: it is compiled"),
        (
            surveyed(CAUGHT, original=replace(ORIGINAL, fails=("some_law",), verdict="violates")),
            0,
            "it fails these itself, so they count for nothing here: some_law",
        ),
    ],
)
def test_what_was_found_decides(
    tnverify: Terminal, made: Made, answer: Survey, code: int, shown: str
) -> None:
    made.answer = answer
    ended = tnverify("power", "a.py:A")
    assert ended.code == code
    assert shown in ended.out


def test_the_words_reach_the_survey(tnverify: Terminal, made: Made) -> None:
    tnverify("power", "a.py:A", "--claims", "meta_bn", "--adapter", "mode_flag", "--setup", "go",
             "--handle", "scale=a", "--profile", "quick", "--seed", "3", "--jobs", "2",
             "--device", "cpu:0")  # fmt: skip
    request = SubjectRecipe("a.py:A", "meta_bn", "mode_flag", {"scale": "a"}, "go")
    assert made.asked == (request, PROFILES["quick"], 3)
    assert (made.how["jobs"], made.how["matrix"], made.how["device"]) == (2, False, "cpu:0")
    tnverify("power", "a.py:A", "--matrix")
    assert made.how["matrix"] is True


def test_the_figure_shows_the_whole_matrix(tnverify: Terminal, made: Made, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra is not installed here")
    made.answer = surveyed(SURVIVOR, CAUGHT, matrix=True)
    assert tnverify("power", "a.py:A", "--figure", "mutants.svg").code == 1
    assert made.how["matrix"] is True
    text = (tmp_path / "mutants.svg").read_text()
    assert "Which law kills which mutant" in text
    assert "1 of 2 mutants are caught" in text


def test_ctrl_c_keeps_what_was_found(
    tnverify: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stopped(
        calls: Sequence[Callable[[], object]], jobs: int, limits: Limits, *_preloaded: object
    ) -> Iterator[tuple[int, Ended[object]]]:
        if len(calls) == 1:
            yield 0, Ended(answer=replace(ORIGINAL, home="it is compiled"))
            return
        yield 2, Ended(answer=Judged("equivalent"))
        raise KeyboardInterrupt

    monkeypatch.setattr("tnverify.power.mutants.survey.each_apart", stopped)
    ended = tnverify("power", "a.py:A", "--json", "some.json")
    assert ended.code == 130
    assert "Interrupted: 1 of 4 mutants were judged." in ended.out
    content = json.loads((tmp_path / "some.json").read_text())
    assert content["interrupted"]
    assert [mutant["name"] for mutant in content["mutants"]] == ["keeps first task"]


def test_a_missing_extra_is_named(tnverify: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ended = tnverify("power", "a.py:A")
    assert ended.code == 2
    assert "pip install '.[mutants]' in a clone" in ended.complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["a.py:A"], "a.py:A: there is no file a.py"),
        (["torch.nn:BatchNorm2"], "torch.nn:BatchNorm2: torch.nn has no 'BatchNorm2'"),
        (["what"], "'what' is no spec"),
        (["torch:nn"], "torch:nn: nn is a module, not a layer"),
        (["torch.nn:Linear(3, a=b)"], "'torch.nn:Linear(3, a=b)': 'b' is neither a literal nor"),
        (["a.py:A", "--claims", "meta_bm"], "unknown scheme 'meta_bm': did you mean 'meta_bn'?"),
        (["a.py:A", "--profile", "quik"], "unknown profile 'quik': did you mean 'quick'?"),
        (["a.py:A", "--adapter", "mode"], "unknown adapter 'mode'"),
        (["a.py:A", "--handle", "scal=a"], "unknown handle 'scal': did you mean 'scale'?"),
        (["a.py:A", "--family", "state"], "--family is about planted faults: leave it out where"),
        (["a.py:A", "--device", "tpu"], "--device tpu: known: cpu, cuda"),
        (["a.py:A", "--seeds", "2"], "--seeds is about planted faults"),
        (["a.py:A", "--sound"], "--sound verifies layers of its own: leave it out"),
        (["a.py:A", "--json", "no/where.json"], "--json no/where.json: there is no folder no"),
        (["--claims", "meta_bn"], "--claims says how a layer is to be held to the laws: name"),
        (["--setup", "go", "--sound"], "--setup says how a layer is to be held to the laws"),
    ],
)
def test_bad_input_is_one_line(tnverify: Terminal, words: list[str], complaint: str) -> None:
    ended = tnverify("power", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.complaint.startswith(complaint)
