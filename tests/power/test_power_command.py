"""`tnverify power` as a user types it: exit codes, files, and bad input in one line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from census_rows import census, row
from command_line import Terminal
from jsonschema import Draft202012Validator

from tnverify.engine.profiles import PROFILES
from tnverify.faults import faults_of
from tnverify.power import measured
from tnverify.power.alarms import Alarm, Study
from tnverify.power.as_json import schema
from tnverify.power.rows import Kill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tnverify.power.census import Census

FORMULA = Kill("outputs_agree_with_the_formula", 1, 1)
DEAD = row("UnbiasedVariance", FORMULA, Kill("eps_is_inside_the_root", 20, 19))
SURVIVOR = row("Survivor")


@pytest.fixture
def tnverify(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Terminal:
    """The command, in an empty directory and 100 columns."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal(capsys)


class Taken:
    """Stands in for a census, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Census = census(DEAD)
        self.asked: dict[str, object] = {}

    def take(
        self, faults: tuple[object, ...], profile: object, seeds: range, **how: object
    ) -> Census:
        self.asked = {"faults": faults, "profile": profile, "seeds": seeds, **how}
        return self.answer


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Taken:
    stand_in = Taken()
    monkeypatch.setattr("tnverify.power.census.take", stand_in.take)
    return stand_in


@pytest.mark.slow
def test_a_family_for_real(
    tnverify: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = next(f for f in faults_of("batch_size") if f.name == "OwnMomentsWhenAlone")
    some = (one, *faults_of("batch_size")[:2], *faults_of("moments")[:2])
    monkeypatch.setattr("tnverify.power.census.all_faults", lambda: some)
    ended = tnverify(
        "power", "--family", "batch_size", "--profile", "quick", "--jobs", "1",
        "--json", "power.json",
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    assert "Every fault dies (profile quick, seed 0" in ended.out
    assert "OwnMomentsWhenAlone" in ended.out
    content = json.loads((tmp_path / "power.json").read_text())
    Draft202012Validator(schema()).validate(content)
    assert {fault["family"] for fault in content["faults"]} == {"batch_size"}
    assert content["scores"][-1]["share"] == 1.0
    kept = {law["name"]: law for law in content["laws"]}
    law = kept["any_partition_of_the_targets_gives_the_same_outputs"]
    assert "OwnMomentsWhenAlone" in law["kills"]


def test_a_survivor_is_named_and_ends_with_one(tnverify: Terminal, taken: Taken) -> None:
    taken.answer = census(DEAD, SURVIVOR)
    ended = tnverify("power")
    assert ended.code == 1
    assert "survives    Survivor (seed 0)" in ended.out
    assert "1 of 2" in ended.out
    assert "1 fault survives" in ended.out


def test_what_is_out_of_reach_is_named_and_decides_nothing(
    tnverify: Terminal, taken: Taken
) -> None:
    taken.answer = census(DEAD, row("Away", out_of_reach="it shows on a CUDA device alone"))
    ended = tnverify("power")
    assert ended.code == 0
    assert "Away: it shows on a CUDA device alone" in ended.out
    assert "1 of 1" in ended.out


def test_the_words_reach_the_census(tnverify: Terminal, taken: Taken) -> None:
    tnverify("power", "--profile", "quick", "--seed", "3", "--seeds", "4", "--jobs", "2",
             "--family", "state,moments", "--no-matrix", "--device", "cpu:0")  # fmt: skip
    assert taken.asked["seeds"] == range(3, 7)
    assert getattr(taken.asked["profile"], "name", None) == "quick"
    assert (taken.asked["jobs"], taken.asked["matrix"]) == (2, False)
    assert taken.asked["device"] == "cpu:0"
    faults = taken.asked["faults"]
    assert isinstance(faults, tuple)
    assert {fault.family for fault in faults} == {"state", "moments"}


def test_a_smaller_profile_is_scored_by_the_same_matrix(tnverify: Terminal, taken: Taken) -> None:
    taken.answer = census(row("Late", Kill("a_law", 30, 20)))
    lines = tnverify("power").out.splitlines()
    assert any(
        line.split()[:5] == ["quick", str(PROFILES["quick"].tasks), "0", "of", "1"]
        for line in lines
    )
    assert any(line.split()[:5] == ["default", "32", "1", "of", "1"] for line in lines)


def test_a_share_is_never_rounded_up_to_all(tnverify: Terminal, taken: Taken) -> None:
    taken.answer = census(*(row(f"Dead{n}", FORMULA) for n in range(4999)), SURVIVOR)
    assert "4999 of 5000   99.9 %" in tnverify("power", "--no-matrix").out


def test_ctrl_c_shows_what_was_found(tnverify: Terminal, taken: Taken) -> None:
    taken.answer = census(DEAD, interrupted=True)
    ended = tnverify("power")
    assert ended.code == 130
    assert "Interrupted: this is what was found so far." in ended.out


@pytest.mark.slow
def test_the_figure_is_drawn(tnverify: Terminal, taken: Taken, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra is not installed here")
    assert tnverify("power", "--figure", "matrix.svg").code == 0
    text = (tmp_path / "matrix.svg").read_text()
    assert "outputs_agree_with_the_formula" in text
    assert "1 of 1 faults are caught" in text
    assert tnverify("power", "--figure", "again.svg").code == 0
    assert (tmp_path / "again.svg").read_text() == text


def test_a_missing_extra_is_named(tnverify: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ended = tnverify("power", "--figure", "matrix.svg")
    assert ended.code == 2
    assert "pip install '.[analyses]' in a clone" in ended.complaint


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--family", "momnts"], "unknown family of faults 'momnts': did you mean 'moments'?"),
        (["--profile", "quik"], "unknown profile 'quik': did you mean 'quick'?"),
        (["--figure", "matrix.txt"], "--figure matrix.txt: end its name in .png, .svg, .pdf"),
        (["--figure", "m.svg", "--no-matrix"], "--figure draws the matrix: leave --no-matrix out"),
        (["--json", "no/where.json"], "--json no/where.json: there is no folder no"),
        (["--refresh", "--family", "state"], "--refresh keeps the score of the whole zoo"),
        (["--sound", "--family", "state"], "--family is about planted faults"),
        (["--seeds", "0"], "Invalid value for '--seeds'"),
        (["--device", "tpu"], "--device tpu: known: cpu, cuda"),
        (["--sound", "--device", "tpu"], "--device tpu: known: cpu, cuda"),
    ],
)
def test_bad_input_is_one_line(tnverify: Terminal, words: list[str], complaint: str) -> None:
    ended = tnverify("power", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.complaint.startswith(complaint)


HELD = Study(
    "A", "reference layers", "meta_bn", 0, "conforms", (), {"float64": 3000, "float32": 2}, 60, 0.5,
    1.0,
)  # fmt: skip
BLAMED = Study(
    "B", "torch's own", "meta_bn", 1, "violates",
    (Alarm("the_affine_comes_last", "must", "violated", "native", "off by 1"),), {}, 59, 0.5, 1.0,
)  # fmt: skip
UNDECIDED = Study(
    "C", "torch's own", "meta_bn", 1, "inconclusive",
    (Alarm("the_affine_comes_last", "must", "inconclusive", "both", "no task counted"),), {}, 59,
    0.5, 1.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("found", "code"), [((HELD,), 0), ((HELD, BLAMED, UNDECIDED), 1), ((HELD, UNDECIDED), 3)]
)
def test_a_false_alarm_decides_the_study(
    tnverify: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    found: tuple[Study, ...], code: int,
) -> None:  # fmt: skip
    devices = []

    def studied(*given: object, device: str, **how: object) -> Iterator[Study]:
        devices.append(device)
        return iter(found)

    monkeypatch.setattr("tnverify.power.alarms.study", studied)
    ended = tnverify("power", "--sound", "--json", "study.json", "--device", "cpu:0")
    assert ended.code == code
    assert devices == [json.loads((tmp_path / "study.json").read_text())["device"]] == ["cpu:0"]
    summary = "No false alarm and nothing undecided" if code == 0 else "undecided in"
    assert summary in ended.out
    assert ("the_affine_comes_last: off by 1" in ended.out) is (BLAMED in found)


def test_what_held_is_counted_by_kind_of_layer_and_dtype(
    tnverify: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = {"bfloat16": 8, "float16": 7, "float32": 2, "float64": 3000}
    long = replace(HELD, name="A" * 30, claims="instance_norm,first_order", checked=halves)
    found = (HELD, replace(HELD, seed=1), long, replace(BLAMED, alarms=()))
    monkeypatch.setattr("tnverify.power.alarms.study", lambda *given, **how: iter(found))
    monkeypatch.setenv("COLUMNS", "80")
    out = tnverify("power", "--sound").out
    assert max(map(len, out.splitlines())) <= 80
    lines = [line.split() for line in out.splitlines()]
    heads = ["float64", "float32", "float16", "bfloat16"]
    assert ["laws", "that", "held", "layers", "seeds", *heads] in lines
    assert ["reference", "layers", "2", "1-2", "9,000", "6", "7", "8"] in lines
    assert ["torch's", "own", "1", "1", "0", "0", "0", "0"] in lines
    assert ["instance_norm,first_order", "1", "60", "0", "0"] in lines


def test_what_was_measured_is_kept_and_read_again(
    tnverify: Terminal, taken: Taken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measured, "files", lambda package: tmp_path)
    taken.answer = census(DEAD, SURVIVOR, row("Away", out_of_reach="no device"))
    assert measured.measured("default") is None
    assert tnverify("power", "--refresh").code == 1
    kept = measured.measured("default")
    assert kept is not None
    assert (kept.caught, kept.reachable, kept.planted, kept.seeds) == (1, 2, 3, 1)
    assert kept.command == "tnverify power --profile default --seeds 1 --refresh"
    assert kept.alone == {}
    assert measured.measured("quick") is None


def test_where_it_was_measured_is_in_the_command(
    tnverify: Terminal, taken: Taken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measured, "files", lambda package: tmp_path)
    taken.answer = replace(census(DEAD), device="cuda")
    tnverify("power", "--refresh", "--json", "power.json")
    kept = measured.measured("default")
    assert kept is not None
    assert kept.command == "tnverify power --profile default --seeds 1 --device cuda --refresh"
    content = json.loads((tmp_path / "power.json").read_text())
    Draft202012Validator(schema()).validate(content)
    assert content["device"] == "cuda"


def test_what_one_law_alone_sees_is_kept_and_explained(
    tnverify: Terminal, taken: Taken, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measured, "files", lambda package: tmp_path)
    taken.answer = census(row("OneSeesIt", FORMULA), row("TwoSeeIt", *DEAD.kills))
    tnverify("power", "--refresh")
    out = tnverify("explain", FORMULA.law).out
    assert "no other law catches OneSeesIt" in out
    assert "TwoSeeIt" not in out
    assert "no other law" not in tnverify("explain", DEAD.kills[1].law).out
