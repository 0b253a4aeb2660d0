"""What a run reports of itself and of each subject, and what it does around them."""

from __future__ import annotations

import datetime as dt
import platform
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import torch

from tnverify.catalogue import load_catalogue
from tnverify.contract.measured import Fingerprint
from tnverify.engine import canaries, single, worker
from tnverify.engine import run as running
from tnverify.engine.profiles import PROFILES
from tnverify.engine.results import (
    Cause,
    Counterexample,
    Flow,
    LawVerdict,
    RunReport,
    SubjectReport,
)
from tnverify.engine.run import RunOptions, check_device, environment, identify, verify
from tnverify.plans.strategies import corpus
from tnverify.report.as_json import to_json
from tnverify.report.reading import from_json
from tnverify.subjects import SubjectRecipe, Unusable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tnverify.catalogue import Catalogue
    from tnverify.plans import Plan

BATCH = SubjectRecipe("torch.nn:BatchNorm2d(channels, track_running_stats=False)")
INSTANCE = SubjectRecipe("torch.nn:InstanceNorm2d")
LAW = "a_target_ignores_the_other_targets"
STEADY = "parameters_do_not_change_in_forward"
QUICK = RunOptions(profile="quick", out=None, only=(LAW,), isolated=False)
"""In this process: what the engine asks of its parts is looked at here."""


class Watching:
    """Progress that keeps what it is told, and interrupts where it is asked to."""

    def __init__(self, interrupt_at: int = 0) -> None:
        self.subjects: list[tuple[str, int, int]] = []
        self.threads: set[int] = set()
        self.interrupt_at = interrupt_at

    def on_subject(self, spec: str, number: int, total: int) -> None:
        self.subjects.append((spec, number, total))
        if number == self.interrupt_at:
            raise KeyboardInterrupt

    def on_plan(self, done: int, total: int) -> None:
        self.threads.add(torch.get_num_threads())

    def on_shrink(self, law: str, number: int, total: int) -> None:
        return


@pytest.fixture
def awake(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Catalogue, Sequence[Plan]]]:
    """Canaries are not asked; what they would have been asked with is kept."""
    asked: list[tuple[Catalogue, Sequence[Plan]]] = []

    def asleep(catalogue: Catalogue, plans: Sequence[Plan]) -> list[str]:
        print("a known-bad layer prints")
        asked.append((catalogue, plans))
        return []

    monkeypatch.setattr(canaries, "asleep", asleep)
    return asked


def test_a_run_reports_what_it_was(awake: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    before, clock = dt.datetime.now(dt.UTC).replace(microsecond=0), time.perf_counter()
    run = verify([INSTANCE], replace(QUICK, seed=5))
    elapsed = time.perf_counter() - clock
    assert (run.command, run.profile, run.seed, run.interrupted) == ("verify", "quick", 5, False)
    assert run.environment == environment("cpu")
    started = dt.datetime.fromisoformat(run.started_at)
    assert before <= started <= dt.datetime.now(dt.UTC)
    assert started.utcoffset() == dt.timedelta(0)
    assert started.microsecond == 0
    assert 0 < run.subjects[0].seconds < run.seconds < elapsed
    assert run.asleep == ()
    assert run.exit_code == 0
    assert capsys.readouterr() == ("", "")


def test_the_suite_is_woken_with_the_laws_and_the_tasks_of_the_run(awake: list[Any]) -> None:
    verify([], replace(QUICK, seed=5, only=(LAW, STEADY), skip=(STEADY,)))
    ((catalogue, plans),) = awake
    assert [law.name for law in catalogue] == [LAW]
    assert plans == corpus(5, PROFILES["quick"].corpus, rank=2, step=1, allow_past=True)


def test_what_is_not_said_is_as_the_defaults_say(
    awake: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = verify([], RunOptions(isolated=False))
    assert (run.profile, run.seed, run.subjects) == ("default", 0, ())
    ((catalogue, plans),) = awake
    assert catalogue == load_catalogue()
    assert plans == corpus(0, 48, rank=2, step=1, allow_past=True)
    assert list(tmp_path.iterdir()) == []


def test_families_whose_known_bad_layer_was_not_caught_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(canaries, "asleep", lambda catalogue, plans: ["moments", "state"])
    run = verify([INSTANCE], QUICK)
    assert run.asleep == ("moments", "state")
    assert run.subjects[0].verdict == "inconclusive"


def test_progress_is_told_of_each_subject_and_one_thread_computes(awake: list[Any]) -> None:
    watching = Watching()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        verify([INSTANCE, SubjectRecipe("no_such:Layer")], QUICK, watching)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert watching.subjects == [(INSTANCE.spec, 1, 2), ("no_such:Layer", 2, 2)]
    assert watching.threads == {1}


def test_a_subject_that_conforms_is_reported_whole(awake: list[Any]) -> None:
    report = verify([INSTANCE], QUICK).subjects[0]
    assert replace(report, laws=(), seconds=0.0) == SubjectReport(
        spec=INSTANCE.spec,
        verdict="conforms",
        adapter="no_context",
        scheme="instance_norm",
        modifiers=("biased",),
        fingerprint=Fingerprint(("itself",), ("itself",), "instance_norm"),
        flows=report.flows,
        evidence=report.evidence,
        asked=report.asked,
        notes=report.notes,
        recipe=report.recipe,
    )
    assert [v.law.name for v in report.laws] == [LAW]
    assert Flow("itself", "target", "reads", "must") in report.flows
    assert Flow("other_targets", "target", "exactly_zero", "may_not") in report.flows
    assert {flow.found for flow in report.flows if flow.source != "itself"} == {"exactly_zero"}


def test_reports_of_runs_are_read_back_as_they_were(awake: list[Any]) -> None:
    wrong = replace(BATCH, claims="meta_bn,detached", adapter="mode_flag")
    run = verify([INSTANCE, wrong, SubjectRecipe("no_such:Layer")], QUICK)
    assert {s.verdict for s in run.subjects} == {"conforms", "violates", "unusable"}
    assert from_json(to_json(run)) == run


def test_what_was_declared_and_given_is_reported(awake: list[Any]) -> None:
    request = replace(BATCH, claims="meta_bn,detached", adapter="mode_flag")
    report = verify([request], replace(QUICK, only=(LAW, STEADY), shrink=False)).subjects[0]
    assert (report.scheme, report.modifiers) == ("meta_bn", ("biased", "detached"))
    assert (report.inferred, report.adapter_given) == (False, True)
    assert (report.verdict, report.reason) == ("violates", None)
    assert report.causes == (Cause((LAW,)),)
    assert {v.law.name: v.outcome for v in report.laws} == {LAW: "violated", STEADY: "held"}


def test_a_sound_subject_of_which_few_laws_were_asked_conforms_in_part(awake: list[Any]) -> None:
    run = verify([INSTANCE], replace(QUICK, only=(STEADY,)))
    assert (run.subjects[0].verdict, run.exit_code) == ("conforms", 0)
    assert (run.only, run.skip, run.is_partial) == ((STEADY,), (), True)


def test_an_unusable_subject_says_why_and_how_long_it_took(awake: list[Any]) -> None:
    run = verify([SubjectRecipe("no_such:Layer")], QUICK)
    report = run.subjects[0]
    assert report == SubjectReport(
        "no_such:Layer",
        "unusable",
        reason="no_such does not import: ModuleNotFoundError: No module named 'no_such'",
        seconds=report.seconds,
    )
    assert 0 < report.seconds < run.seconds


NOISY = """
import torch
class Noisy(torch.nn.InstanceNorm2d):
    def forward(self, x):
        if x.dtype is torch.float64:
            raise TypeError("float32 only")
        print("hello")
        return super().forward(x)
"""


def test_remarks_on_the_layer_stand_before_what_it_printed(
    awake: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    report = verify([SubjectRecipe(f"{tmp_path}/noisy.py:Noisy")], QUICK).subjects[0]
    first, second = report.notes
    assert first == "not checked in float64, where the layer raises TypeError: float32 only"
    assert second.startswith("printed ")
    assert second.endswith(" lines, which are not shown; the first: 'hello'")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("at", [1, 2])
def test_ctrl_c_between_subjects_ends_the_run(awake: list[Any], at: int) -> None:
    run = verify([INSTANCE, INSTANCE, BATCH], QUICK, Watching(interrupt_at=at))
    assert (run.interrupted, run.exit_code) == (True, 130)
    assert [s.spec for s in run.subjects] == [INSTANCE.spec, INSTANCE.spec, BATCH.spec]
    verdicts = ["conforms"] * (at - 1) + ["inconclusive"] * (4 - at)
    assert [s.verdict for s in run.subjects] == verdicts
    assert run.subjects[-1] == SubjectReport(
        BATCH.spec, "inconclusive", reason="interrupted before it was verified"
    )


def test_ctrl_c_while_the_suite_is_woken_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def asleep(catalogue: Catalogue, plans: Sequence[Plan]) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(canaries, "asleep", asleep)
    run = verify([INSTANCE], QUICK)
    assert (run.interrupted, run.asleep) == (True, ())
    assert run.subjects[0].reason == "interrupted before it was verified"


def test_waivers_may_be_of_laws_that_this_run_leaves_out(awake: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(
        f'[[waivers]]\nlaw = "{STEADY}"\nreason = "known"\n'
        "witness = { plan = {}, context = [], target = [] }\n"
    )
    assert verify([INSTANCE], replace(QUICK, waivers=path)).exit_code == 0
    run = verify([INSTANCE], replace(QUICK, waivers=path, only=(STEADY,)))
    assert run.subjects[0].verdict_of(STEADY).outcome == "stale_waiver"


def programs_that(monkeypatch: pytest.MonkeyPatch, *symptoms: str | None) -> list[list[str]]:
    """In place of a fresh process: how each program fails there. Returns what was run."""
    ran: list[list[str]] = []

    def run_programs(paths: Sequence[Path]) -> list[str | None]:
        ran.append([path.name for path in paths])
        return list(symptoms)

    monkeypatch.setattr(running, "run_programs", run_programs)
    return ran


def verified(run: RunReport) -> list[tuple[str, bool]]:
    return [
        (v.law.name, v.counterexample.verified)
        for report in run.subjects
        for v in report.laws
        if v.counterexample is not None
    ]


def test_a_program_is_verified_where_it_fails_as_the_law_did(
    awake: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = programs_that(monkeypatch, "flow", "value", None)
    options = replace(QUICK, out=tmp_path, only=(LAW, STEADY))
    others = (replace(BATCH, claims="meta_bn"), replace(BATCH, claims="meta_bn,detached"))
    run = verify([INSTANCE, BATCH, *others], options)
    assert ran == [[f"{each.slug}_{LAW}.py" for each in (BATCH, *others)]]
    assert len(set(ran[0])) == 3
    assert verified(run) == [(LAW, True), (LAW, False), (LAW, False)]
    assert [s.verdict for s in run.subjects] == ["conforms"] + ["violates"] * 3


def test_a_failure_without_a_symptom_is_one_of_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = Counterexample({}, [], [], path=str(tmp_path / "one.py"))
    law = load_catalogue().named(LAW)
    verdicts = (
        LawVerdict(law, "violated", counterexample=example),
        LawVerdict(law, "violated", counterexample=replace(example, path=None)),
        LawVerdict(law, "held"),
    )
    monkeypatch.setattr(single, "hold", lambda *given: list(verdicts))
    monkeypatch.setattr(canaries, "asleep", lambda catalogue, plans: [])
    programs_that(monkeypatch, "value")
    assert verified(verify([INSTANCE], QUICK)) == [(LAW, True), (LAW, False)]


def test_without_programs_no_process_is_started(
    awake: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = programs_that(monkeypatch)
    run = verify([BATCH], QUICK)
    assert ran == []
    assert verified(run) == [(LAW, False)]


def test_ctrl_c_while_programs_run_keeps_what_was_found(
    awake: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_programs(paths: Sequence[Path]) -> list[str | None]:
        raise KeyboardInterrupt

    monkeypatch.setattr(running, "run_programs", run_programs)
    run = verify([BATCH], replace(QUICK, out=tmp_path))
    assert (run.interrupted, run.subjects[0].verdict) == (True, "violates")
    assert verified(run) == [(LAW, False)]


def test_identifying_says_how_long_it_took_and_gives_no_verdict() -> None:
    before = time.perf_counter()
    report = identify(replace(BATCH, adapter="mode_flag"))
    assert 0 < report.seconds < time.perf_counter() - before
    assert (report.verdict, report.adapter_given, report.causes) == ("inconclusive", True, ())
    assert (report.spec, report.adapter) == (BATCH.spec, "mode_flag")


def test_what_cannot_be_identified_is_unusable() -> None:
    report = identify(SubjectRecipe("torch.nn:NoSuchNorm"))
    assert report.verdict == "unusable"
    assert str(report.reason).startswith("torch.nn has no 'NoSuchNorm'")


@pytest.fixture
def told_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """No layer is usable: the reason is where it was to be built, and in how many threads."""

    def resolve(request: SubjectRecipe, device: str) -> Any:
        raise Unusable(f"on {device} in {torch.get_num_threads()}")

    monkeypatch.setattr(single, "resolve", resolve)
    monkeypatch.setattr(worker, "resolve", resolve)


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_a_layer_is_identified_on_the_device_that_was_named(device: str, told_where: None) -> None:
    assert identify(INSTANCE, device).reason == f"on {device} in 1"


@pytest.mark.parametrize("isolated", [True, False])
def test_a_layer_is_verified_on_the_device_that_was_named(
    isolated: bool, told_where: None, awake: list[Any]
) -> None:
    run = verify([INSTANCE], replace(QUICK, device="cpu:0", isolated=isolated))
    assert run.subjects[0].reason == "on cpu:0 in 1"


def test_what_a_layer_prints_while_it_is_identified_is_not_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    report = identify(SubjectRecipe(f"{tmp_path}/noisy.py:Noisy"))
    assert report.notes == (
        "not checked in float64, where the layer raises TypeError: float32 only",
    )
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("device", "has_cuda", "complaint"),
    [
        ("cpu", False, None),
        ("cpu:0", False, None),
        ("cuda", True, None),
        ("cuda:1", True, None),
        ("cuda", False, "--device cuda: torch finds no CUDA device on this machine"),
        ("cuda:1", False, "--device cuda: torch finds no CUDA device on this machine"),
        ("tpu", True, "--device tpu: known: cpu, cuda"),
        ("cudas", True, "--device cudas: known: cpu, cuda"),
    ],
)
def test_a_device_that_is_not_there_is_refused(
    device: str,
    has_cuda: bool,
    complaint: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_cuda)
    if complaint is None:
        check_device(device)
        return
    for refuses in (
        lambda: check_device(device),
        lambda: identify(SubjectRecipe("no_such:Layer"), device),
        lambda: verify([], replace(QUICK, device=device)),
    ):
        with pytest.raises(ValueError, match=r"^--device ") as raised:
            refuses()
        assert str(raised.value) == complaint


def test_the_environment_names_versions_and_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A Fast One")
    versions = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "hypothesis": hypothesis.__version__,
        "platform": platform.platform(),
    }
    assert environment("cpu") == versions | {"device": f"cpu ({platform.machine()})"}
    assert environment("cuda:1") == versions | {"device": "cuda:1 (A Fast One)"}
