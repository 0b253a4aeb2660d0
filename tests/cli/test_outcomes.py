"""Exit codes, interruption, our own faults, and what the engine is asked for."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import handmade
import pytest

from tnverify import __version__

if TYPE_CHECKING:
    from command_line import Engine, Terminal

    from tnverify.engine.results import SubjectReport

CONFORMS, VIOLATES = handmade.conforming(), handmade.transductive()
UNDECIDED, UNUSABLE = handmade.inconclusive(), handmade.unusable()


@pytest.mark.parametrize(
    ("subjects", "code"),
    [
        ([CONFORMS], 0),
        ([VIOLATES], 1),
        ([UNUSABLE], 2),
        ([UNDECIDED], 3),
        ([CONFORMS, UNDECIDED], 3),
        ([UNDECIDED, UNUSABLE], 2),
        ([UNUSABLE, VIOLATES, UNDECIDED, CONFORMS], 1),
    ],
)
def test_of_several_verdicts_the_gravest_decides(
    tnverify: Terminal, engine: Engine, subjects: list[SubjectReport], code: int
) -> None:
    engine.answer = handmade.run_of(*subjects)
    assert tnverify("verify", "a:B").code == code


def test_ctrl_c_shows_and_writes_what_was_found(tnverify: Terminal, engine: Engine) -> None:
    engine.answer = handmade.run_of(VIOLATES, interrupted=True)
    ended = tnverify("verify", "a:B", "c:D", "--json", "report.json")
    assert ended.code == 130
    assert "Interrupted: this is what was found so far." in ended.out
    assert "a_target_ignores_the_other_targets" in ended.out
    assert json.loads(Path("report.json").read_text())["subjects"][0]["verdict"] == "violates"


def test_ctrl_c_before_anything_was_found(tnverify: Terminal, engine: Engine) -> None:
    engine.answer = KeyboardInterrupt()
    ended = tnverify("verify", "a:B")
    assert (ended.code, ended.complaint) == (130, "interrupted")


def test_a_bug_of_ours_is_one_line_and_a_file(tnverify: Terminal, engine: Engine) -> None:
    engine.answer = ZeroDivisionError("of\nours")
    ended = tnverify("verify", "a:B")
    assert ended.code == 70
    assert "a bug of tnverify, not of your layer: ZeroDivisionError: of ours" in ended.complaint
    match = re.search(r"the file (\S+)$", ended.complaint)
    assert match is not None
    saved = Path(match[1]).read_text()
    Path(match[1]).unlink()
    assert saved.startswith(f"tnverify {__version__}, Python 3")
    assert saved.rstrip().endswith("ZeroDivisionError: of\nours")


def test_options_reach_the_engine(tnverify: Terminal, engine: Engine) -> None:
    tnverify(
        "verify", "a:B(2, channels)", "file.py:C", "--claims", "tasknorm_i,unbiased",
        "--adapter", "mode_flag", "--handle", "scale=a", "--handle", "offset=deep.b",
        "--setup", "register", "--profile", "quick", "--seed", "7",
        "--only", "state,transductivity", "--only", "context", "--skip", "task_isolation",
        "--out", "here/out",
    )  # fmt: skip
    first, second = engine.requests
    assert (first.spec, second.spec) == ("a:B(2, channels)", "file.py:C")
    assert (first.claims, first.adapter) == ("tasknorm_i,unbiased", "mode_flag")
    assert first.setup == "register"
    assert first.handles == {"scale": "a", "offset": "deep.b"}
    assert engine.options is not None
    assert (engine.options.profile, engine.options.seed) == ("quick", 7)
    assert engine.options.only == ("state", "transductivity", "context")
    assert engine.options.skip == ("task_isolation",)
    assert engine.options.out == Path("here/out")
    assert not Path("here").exists()


def test_without_a_spec_the_reference_layers_and_those_of_torch(
    tnverify: Terminal, engine: Engine
) -> None:
    tnverify("verify")
    claims = {request.spec: request.claims for request in engine.requests}
    assert claims["tnverify.norms:TaskNormI"] == "tasknorm_i"
    assert claims["torch.nn:BatchNorm2d(channels, track_running_stats=False)"] == "transductive_bn"
    assert {"torch.nn:InstanceNorm2d", "torch.nn:LayerNorm([channels, *spatial])"} <= set(claims)
    assert len([spec for spec in claims if spec.startswith("tnverify.norms:")]) == 12


@pytest.mark.parametrize(("subject", "code"), [(CONFORMS, 2), (UNDECIDED, 2), (VIOLATES, 1)])
def test_json_that_cannot_be_written_after_all_keeps_the_report(
    tnverify: Terminal,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    subject: SubjectReport,
    code: int,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tnverify.report.forms.write_atomically", full)
    engine.answer = handmade.run_of(subject)
    ended = tnverify("verify", "a:B", "--json", "report.json")
    assert ended.complaint == "--json report.json: No space left on device"
    assert ended.code == code
    assert subject.spec in ended.out


def test_a_report_on_stdout_is_all_that_is_there(tnverify: Terminal, engine: Engine) -> None:
    engine.answer = handmade.run_of(VIOLATES)
    ended = tnverify("verify", "a:B", "--report", "badge:-", "--report", "json:r.json")
    assert ended.code == 1
    assert json.loads(ended.out)["message"] == "violates"
    assert json.loads(Path("r.json").read_text())["schema_version"] == 2


def test_verbose_tells_more(tnverify: Terminal, engine: Engine) -> None:
    short, long = (tnverify("verify", "a:B", *more).out for more in ([], ["--verbose"]))
    assert "1 law is not claimed.\n" in short
    assert "1 law is not claimed: 1 because the layer has no handle" in long


def test_a_run_without_an_adapter_named_says_that_it_was_detected(
    tnverify: Terminal, engine: Engine
) -> None:
    assert "explicit_state (detected)" in tnverify("verify", "a:B").out
    engine.answer = handmade.run_of(replace(CONFORMS, adapter_given=True))
    assert "explicit_state (as named)" in tnverify("verify", "a:B").out
