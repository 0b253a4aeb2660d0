"""One item per law: what it is called, how it ends, and how it is picked."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import door
import handmade
import pytest
from door import SPEC

from tnverify.engine.results import LawVerdict
from tnverify.report import forms

if TYPE_CHECKING:
    from door import Engine


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    return door.install(monkeypatch)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("--tnverify", SPEC, "-p", "no:randomly", *arguments)


def test_an_item_is_named_as_a_person_would_type_it(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    result = run(pytester, "--collect-only", "-q")
    assert result.outlines[: len(handmade.LAWS)] == [f"{SPEC}::{law.name}" for law in handmade.LAWS]
    assert engine.asked == []


def test_the_laws_are_counted_as_collected(pytester: pytest.Pytester) -> None:
    count = len(handmade.LAWS)
    run(pytester).stdout.fnmatch_lines(
        [f"collected {count} items / 1 deselected / {count - 1} selected"]
    )


def test_what_is_not_claimed_is_deselected(pytester: pytest.Pytester, engine: Engine) -> None:
    result = run(pytester, "-v")
    result.assert_outcomes(passed=1, failed=2, skipped=1, xfailed=1, deselected=1)
    assert door.NOT_CLAIMED.name not in result.stdout.str()
    assert engine.measured == [SPEC]
    # What was measured then is not measured again, and the report is of all laws.
    ((known, (_, options)),) = zip(engine.known, engine.asked, strict=True)
    assert list(known) == [SPEC]
    assert options.only == ()


def test_a_layer_with_the_handles_that_a_law_needs_is_asked(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    engine.changes["handles"] = {"scale": "a", "offset": "b"}
    run(pytester, "-k", door.NOT_CLAIMED.name).assert_outcomes(skipped=1)


def test_nothing_is_measured_where_no_law_is_picked(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    run(pytester, "-k", "nothing_is_called_so")
    assert engine.measured == []


def test_each_outcome_ends_its_item_in_its_own_way(pytester: pytest.Pytester) -> None:
    result = run(pytester, "-rsxX")
    result.assert_outcomes(passed=1, failed=2, skipped=1, xfailed=1, deselected=1)
    result.stdout.fnmatch_lines_random(
        [
            "SKIPPED * inconclusive: no task counted",
            f"XFAIL {SPEC}::{door.SHOULD.name} - should-level: a copy forgets its task".replace(
                "[", "[[]"
            ),
        ]
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_waived_laws_are_expected_to_fail_and_stale_waivers_fail(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    engine.verdicts = (
        LawVerdict(door.HELD, "waived", reason="known"),
        LawVerdict(door.VIOLATED, "stale_waiver", reason="it holds: drop the waiver"),
    )
    result = run(pytester, "-k", f"{door.HELD.name} or {door.VIOLATED.name}", "-rx")
    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["*it holds: drop the waiver"])


def test_a_failure_reads_as_in_the_terminal_report(pytester: pytest.Pytester) -> None:
    text = run(pytester).stdout.str()
    statement = door.VIOLATED.statement
    assert f"\nDoes not hold: {statement[0].lower()}{statement[1:]}\n" in text
    assert f"\n  law         {door.VIOLATED.name}\n" in text
    assert "smallest failing task" in text
    assert "context [0], target [0, 1]" in text
    assert "where       fails for 2 or more targets, passes for 1" in text
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text.split("short test summary")[0]


def test_the_layer_is_verified_once_on_the_laws_that_were_picked(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    run(pytester, "-k", "a_target_ignores or no_gradient")
    ((requests, options),) = engine.asked
    assert [request.spec for request in requests] == [SPEC]
    assert options.only == (door.HELD.name, door.VIOLATED.name)


@pytest.mark.parametrize("ci", ["true", ""])
def test_failures_of_one_cause_are_told_once(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str
) -> None:
    monkeypatch.delenv("BUILD_NUMBER", raising=False)
    monkeypatch.setenv("CI", ci)
    result = run(pytester)
    text = result.stdout.str()
    assert f"also fails  {door.BROKEN.name}: raised" in text
    assert f"of the same cause as {door.VIOLATED.name}: raised RuntimeError in backward: no" in text
    assert text.count("smallest failing task") == 1


def test_each_law_is_charged_with_its_own_seconds(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    engine.verdicts = tuple(
        replace(verdict, seconds=2.0 + number) for number, verdict in enumerate(door.VERDICTS)
    )
    result = run(pytester, "--durations=0", "-vv")
    for number, law in enumerate((door.HELD, door.VIOLATED, door.BROKEN)):
        result.stdout.re_match_lines_random([rf"{2 + number}\.00s call .*::{law.name}"])
    # What was spent beside the laws is never less than nothing.
    assert not re.search(r"-\d+\.\d+s", result.stdout.str())


def test_x_stops_at_the_first_failure(pytester: pytest.Pytester) -> None:
    run(pytester, "-x").assert_outcomes(passed=1, failed=1)


def test_lf_runs_what_failed(pytester: pytest.Pytester, engine: Engine) -> None:
    run(pytester)
    run(pytester, "--lf").assert_outcomes(failed=2)
    assert engine.asked[1][1].only == (door.VIOLATED.name, door.BROKEN.name)


def test_options_reach_the_engine(pytester: pytest.Pytester, engine: Engine) -> None:
    run(
        pytester, "--tnverify-claims", "group_norm", "--tnverify-adapter", "no_context",
        "--tnverify-profile", "quick", "--tnverify-seed", "7", "--tnverify-handle", "weight=w",
        "--tnverify-setup", "prepare", "--tnverify-out", "here",
    )  # fmt: skip
    (((request,), options),) = engine.asked
    assert (request.claims, request.adapter, request.setup) == (
        "group_norm", "no_context", "prepare",
    )  # fmt: skip
    assert request.handles == {"weight": "w"}
    assert (options.profile, options.seed, str(options.out)) == ("quick", 7, "here")


@pytest.mark.parametrize("path", [(), (".",), ("test_of_their_own.py",)])
def test_the_projects_own_tests_are_collected_as_ever(
    pytester: pytest.Pytester, path: tuple[str, ...]
) -> None:
    pytester.makepyfile(test_of_their_own="def test_of_the_project(): pass")
    result = run(pytester, *path)
    result.assert_outcomes(passed=2, failed=2, skipped=1, xfailed=1, deselected=1)


def test_laws_alone_are_picked_by_their_mark(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_of_the_project(): pass")
    result = run(pytester, "-m", "tnverify", "--strict-markers")
    result.assert_outcomes(passed=1, failed=2, skipped=1, xfailed=1, deselected=2)


def test_the_report_is_written_where_it_is_asked_for(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--tnverify-report", "json:report.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (subject,) = json.loads((pytester.path / "report.json").read_text())["subjects"]
    assert (subject["spec"], subject["verdict"]) == (SPEC, "violates")


def test_a_report_that_cannot_be_written_is_said(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(forms, "write_atomically", full)
    result = run(pytester, "-k", door.HELD.name, "--tnverify-report", "json:report.json")
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    result.stderr.fnmatch_lines(["--tnverify-report json:report.json: No space left on device"])


def test_without_the_option_the_plug_in_does_nothing(
    pytester: pytest.Pytester, engine: Engine
) -> None:
    pytester.makepyfile("def test_of_the_project(): pass")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    assert engine.asked == []


def test_the_summary_says_what_the_layer_is(pytester: pytest.Pytester) -> None:
    result = run(pytester)
    line = next(line for line in result.outlines if line.startswith(f"{SPEC}: "))
    assert re.search(r"adapter explicit_state, claims meta_bn.*targets read itself, context", line)


def test_an_unusable_layer_is_said_once(pytester: pytest.Pytester, engine: Engine) -> None:
    engine.changes["unusable"] = True
    result = run(pytester, "--tnverify-report", "json:report.json")
    result.assert_outcomes(failed=1, skipped=len(handmade.LAWS) - 1)
    result.stdout.fnmatch_lines([f"{SPEC}: nowhere does not import: *"])
    (subject,) = json.loads((pytester.path / "report.json").read_text())["subjects"]
    assert subject["verdict"] == "unusable"
    assert len(engine.asked) == 1


def test_ctrl_c_writes_what_was_found(pytester: pytest.Pytester, engine: Engine) -> None:
    engine.changes["interrupted"] = True
    result = pytester.runpytest_inprocess(
        "--tnverify", SPEC, "--tnverify-report", "json:report.json", no_reraise_ctrlc=True
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    report = json.loads((pytester.path / "report.json").read_text())
    assert (report["interrupted"], report["subjects"][0]["verdict"]) == (True, "violates")


def test_a_law_whose_family_slept_does_not_pass(pytester: pytest.Pytester, engine: Engine) -> None:
    engine.changes["asleep"] = [door.HELD.family]
    result = run(pytester, "-k", door.HELD.name, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*did not catch its own known-bad layer"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--tnverify", "nowhere:Layer"], "nowhere does not import: ModuleNotFoundError: *"),
        (["--tnverify", "torch.nn:GroupNrm"], "torch.nn has no 'GroupNrm': did you mean *"),
        (["--tnverify-claims", "grup_norm"], "unknown scheme 'grup_norm': did you mean *"),
        (["--tnverify-adapter", "frozn"], "unknown adapter 'frozn': did you mean 'frozen'[?]"),
        (["--tnverify-profile", "quik"], "unknown profile 'quik': did you mean 'quick'[?]"),
        (["--tnverify-handle", "scale"], "--tnverify-handle scale: write HANDLE=ATTRIBUTE"),
        (["--tnverify-out", "/proc/none"], "--out /proc/none: *"),
        (["--tnverify-channels", "0"], "--channels 0: it must be a number from 1 up"),
        (["--tnverify-shape", "8,many"], "--shape 8,many: write ITEMS,CHANNELS *"),
        (["--tnverify-report", "json"], "--tnverify-report json: write FORM:FILE, *"),
        (["--tnverify-report", "jsn:a"], "--tnverify-report jsn:a: unknown form 'jsn': *"),
        (["--tnverify-report", "json:/proc/none/a"], "--tnverify-report json:/proc/none/a: *"),
    ],
)
def test_bad_input_is_a_usage_error(
    pytester: pytest.Pytester, engine: Engine, arguments: list[str], complaint: str
) -> None:
    result = run(pytester, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {complaint}"])
    assert engine.asked == []
