"""`tnverify.verify` and `tnverify.identify`, as a person in a notebook calls them."""

from __future__ import annotations

import doctest
import functools
import importlib
import json
import os
import subprocess
import sys
from pickle import PicklingError
from typing import TYPE_CHECKING, Any

import pytest
from leaking import Leaks, Numbered
from torch import nn

import tnverify
from tnverify.cli import run as command_line
from tnverify.engine import run
from tnverify.subjects import Unusable

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("few_tasks")

LAW = "a_target_ignores_the_other_targets"


def verify(*subjects: object, **options: Any) -> Any:
    return tnverify.verify(*subjects, **{"profile": "quick", "only": LAW} | options)


def test_a_lambda_is_verified_and_its_program_fails_in_another_process(tmp_path: Path) -> None:
    report = verify(lambda channels: Leaks(channels, eps=1e-3), out=tmp_path)
    assert not report.conforms
    (failure,) = report.failures
    example = failure.counterexample
    assert (failure.law.name, example.verified) == (LAW, True)
    assert "the_layer = (lambda channels: Leaks(channels, eps=1e-3))" in example.reproducer
    ran = subprocess.run(
        [sys.executable, example.path],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},  # its module among it
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert "Violation" in ran.stderr
    (subject,) = report.subjects
    assert subject.spec == "lambda channels: Leaks(channels, eps=1e-3)"
    assert subject.recipe.found.eps == 1e-3
    assert json.loads(report.to_json())["subjects"][0]["verdict"] == "violates"
    assert "violates: targets read other targets" in str(report)
    assert repr(report) == f"<RunReport: {subject.spec} violates; print it to read it>"


def test_without_a_folder_programs_are_run_and_leave_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    example = verify(Leaks).failures[0].counterexample
    assert (example.verified, example.path) == (True, None)
    assert not list(tmp_path.iterdir())


def test_several_subjects_each_have_a_report() -> None:
    report = verify("torch.nn:InstanceNorm2d", nn.BatchNorm2d, functools.partial(nn.GroupNorm, 1))
    assert [s.verdict for s in report.subjects] == ["conforms"] * 3
    assert report.conforms
    assert [s.spec for s in report.subjects][2] == "GroupNorm(1)"


def test_a_layer_that_is_there_is_copied_and_its_program_says_what_it_lacks() -> None:
    report = verify(Leaks(4))
    (subject,) = report.subjects
    assert (subject.spec, subject.recipe.found.one_width) == ("Leaks", True)
    example = report.failures[0].counterexample
    assert "# Not shown: a Leaks that was there, with all that it holds" in example.reproducer
    assert not example.verified


def test_what_cannot_be_sent_to_another_process_is_verified_in_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PicklingError("a lambda")

    monkeypatch.setattr("tnverify.engine.crew.Process", refuse)
    (subject,) = verify(lambda channels: Leaks(channels)).subjects  # noqa: PLW0108 - it has no name
    assert subject.verdict == "violates"
    assert any("no process could be started for it" in caution for caution in subject.cautions)


def test_identifying_asks_no_law() -> None:
    found = tnverify.identify(Leaks)
    assert found.fingerprint.nearest_scheme == "transductive_bn"
    assert found.laws == ()
    assert "targets     read itself, other targets: transductive" in str(found)


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({"claims": "grup_norm"}, ["--claims", "grup_norm"]),
        ({"adapter": "frozn"}, ["--adapter", "frozn"]),
        ({"profile": "quik"}, ["--profile", "quik"]),
        ({"only": "transductivty"}, ["--only", "transductivty"]),
        ({"handles": {"scael": "a"}}, ["--handle", "scael=a"]),
        ({"device": "tpu"}, ["--device", "tpu"]),
        ({"jobs": 0}, ["--jobs", "0"]),
        ({"shape": (8,)}, ["--shape", "8"]),
        ({"channels": 3, "shape": (8, 4)}, ["--channels", "3", "--shape", "8,4"]),
        ({"waivers": "nowhere.toml"}, ["--waivers", "nowhere.toml"]),
        ({"out": "/proc/none"}, ["--out", "/proc/none"]),
    ],
)
def test_bad_input_is_one_error_with_the_line_of_the_command_line(
    options: dict[str, Any], arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    spec = "torch.nn:Identity"
    with pytest.raises(tnverify.BadInput) as raised:
        tnverify.verify(spec, **options)
    assert command_line(["verify", spec, *arguments]) == 2
    assert capsys.readouterr().err == f"tnverify: error: {raised.value}\n"


@pytest.mark.parametrize(
    ("subjects", "complaint"),
    [
        ((), "nothing to verify: give a SPEC, a class"),
        ((3.5,), r"3\.5 \(float\) is no layer: give"),
        ((None,), r"None \(NoneType\) is no layer"),
        ((Leaks, Leaks), "two subjects are called .*Leaks': give each once"),
        (("no_such:Layer",), "no_such:Layer: no_such does not import"),
        ((len,), "len: "),
    ],
)
def test_what_is_no_layer_is_refused_in_a_line(
    subjects: tuple[object, ...], complaint: str
) -> None:
    with pytest.raises(tnverify.BadInput, match=complaint) as raised:
        verify(*subjects)
    assert "\n" not in str(raised.value)


def test_an_adapter_may_be_an_object_too(tmp_path: Path) -> None:
    report = verify(Leaks, adapter=lambda layer: Numbered(layer), out=tmp_path)  # noqa: PLW0108 - it has no name
    (subject,) = report.subjects
    assert (subject.adapter, subject.adapter_given) == ("lambda layer: Numbered(layer)", True)
    example = report.failures[0].counterexample
    assert example.verified
    assert "the_adapter = (lambda layer: Numbered(layer))" in example.reproducer
    with pytest.raises(Unusable, match=r"the adapter lambda .* was given as an object"):
        subject.recipe.build()


def test_an_adapter_that_cannot_be_called_is_refused() -> None:
    with pytest.raises(tnverify.BadInput, match="adapter=3: an adapter is called with the layer"):
        verify(Leaks, adapter=3)


def test_ctrl_c_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pressed:
        def __init__(self, *_: object) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "run_programs", Pressed)
    report = verify(Leaks)
    assert report.interrupted
    assert report.subjects[0].verdict == "violates"


@pytest.mark.parametrize(
    "module", ["tnverify.doors.api", "tnverify.doors.drawn", "tnverify.doors.parametrized"]
)
def test_examples_of_the_documentation_are_right(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted > 0
    assert found.failed == 0


def test_public_names_are_found_and_others_are_not() -> None:
    assert set(tnverify.__all__) <= set(dir(tnverify))
    assert all(getattr(tnverify, name) is not None for name in tnverify.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'verfy'"):
        tnverify.verfy  # noqa: B018 - what is asked is that it is not there
