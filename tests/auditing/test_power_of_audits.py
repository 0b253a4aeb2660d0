"""`tnverify power --audits` as a user types it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from command_line import Terminal

from tnverify.power.audits import Caught, Cleared, told_of
from tnverify.power.sound.learners import SoundSubject
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TWICE = "predicting_twice_gives_the_same"
FOUND = Caught("Leaks", "heads", "learner", True, (TWICE,), (TWICE,), None, 0.1)
CLEARED = Cleared("Sound", "learner", 0, 20, (), (), 0.1)


@pytest.fixture
def tnverify(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "100")
    return Terminal(capsys)


def given(monkeypatch: pytest.MonkeyPatch, *found: Caught | Cleared) -> None:
    def study(*_: object, **__: object) -> Iterator[Caught | Cleared]:
        yield from found

    monkeypatch.setattr("tnverify.power.audits.study", study)


def test_all_is_well(tnverify: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given(monkeypatch, FOUND, CLEARED)
    path = tmp_path / "audits.json"
    shown = tnverify("power", "--audits", "--jobs", "1", "--json", str(path))
    assert shown.code == 0
    assert "1 of 1 planted subjects are found" in " ".join(shown.out.split())
    written = json.loads(path.read_text())
    assert [each["name"] for each in written["planted"] + written["sound"]] == ["Leaks", "Sound"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (replace(FOUND, found_by=()), f"Leaks: {TWICE}"),
        (replace(FOUND, unusable="it cannot be built"), "it cannot be built"),
        (replace(CLEARED, blamed_by=((TWICE, "moved"),)), f"Sound, seed 0: {TWICE}: moved"),
    ],
)
def test_what_is_missed_or_blamed_is_told(
    wrong: Caught | Cleared, said: str, tnverify: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, wrong)
    shown = tnverify("power", "--audits", "--jobs", "1")
    assert shown.code == 1
    assert said in " ".join(shown.out.split())


@pytest.mark.parametrize(
    "options", [("--sound",), ("--family", "state"), ("--profile", "quik"), ("my.py:Norm",)]
)
def test_what_does_not_go_together_is_bad_input(
    options: tuple[str, ...], tnverify: Terminal
) -> None:
    shown = tnverify("power", "--audits", *options)
    assert shown.code == 2
    assert len(shown.err.strip().splitlines()) == 1


def test_a_subject_that_cannot_be_driven_is_said() -> None:
    nothing = SoundSubject("Nothing", "learner", object, "inductive", {})
    with pytest.raises(Unusable):
        told_of(nothing, (), "quick", 0)
