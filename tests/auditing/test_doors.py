"""The doors to audits: the command line, Python, test files, reports that are read again."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import torch

import tnverify
from tnverify.cli.main import run
from tnverify.report.as_json import schema
from tnverify.report.forms import FORMS
from tnverify.report.reading import from_json, read_report

LEARNERS = Path(__file__).with_name("learners.py")
CONTENT = "what_other_targets_hold_does_not_matter"
QUICK = ("--profile", "quick", "--input-shape", "6")


def spec(name: str) -> str:
    return f"{LEARNERS}:{name}"


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("Nearest", 0, "conforms: Inductive up to rounding."),
        ("Normalised", 1, "It enters at `features.1` (BatchNorm1d, in training"),
    ],
)
def test_the_command_says_and_ends_with_the_verdict(
    name: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", spec(name), *QUICK]) == code
    assert said in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([spec("nothing_to_audit")], "it could not be driven"),
        ([spec("Nearest"), "--kind", "evaluation"], "cannot be called with order and batch_size"),
        (
            [spec("Nearest"), "--kind", "learner", "--claims", "inductiv"],
            "did you mean 'inductive'?",
        ),
        ([spec("Nearest"), "--kind", "lerner"], "did you mean 'learner'?"),
        ([spec("Nearest"), "--only", "state_"], "unknown law or family 'state_'"),
        ([spec("Nearest"), "--input-shape", "a,b"], "write the sides of one item"),
        ([spec("Nearst")], "has no 'Nearst'"),
        ([spec("Nearest"), "--profile", "fast"], "unknown profile 'fast'"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_learner_that_ends_its_process_costs_the_law_that_was_asked() -> None:
    laws = ("a_target_alone_is_predicted_alike", "the_order_of_targets_does_not_matter")
    report = tnverify.audit(spec("EndsItsProcess"), profile="quick", input_shape=(6,), only=laws)
    ended = {v.law.name: v.outcome for v in report.subjects[0].laws}
    assert ended == {laws[0]: "broken", laws[1]: "held"}
    assert "exit code 7" in str(report.subjects[0].verdict_of(laws[0]).reason)


def test_every_form_of_report_takes_an_audit() -> None:
    report = tnverify.audit(spec("Normalised"), profile="quick", input_shape=(6,))
    assert all(form.text(report) for form in FORMS.values())
    text = report.to_json()
    jsonschema.validate(json.loads(text), schema())
    assert from_json(text) == report
    page = FORMS["html"].text(report)
    assert "Transductive: reads other targets." in page


def test_a_user_s_own_tasks_are_asked() -> None:
    draws = torch.Generator().manual_seed(1)
    tasks = [
        (
            torch.randn(10, 4, generator=draws).numpy(),
            ["a", "b", "c", "d", "e"] * 2,
            torch.randn(7, 4, generator=draws).numpy(),
        )
        for _ in range(2)
    ]
    report = tnverify.audit(spec("Centred"), tasks=tasks, profile="quick", only=(CONTENT,))
    found = report.subjects[0].verdict_of(CONTENT)
    assert found.counterexample is not None
    assert "7 targets of 4" in found.counterexample.summary


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ([([[1.0]], [0])], "has 2 parts"),
        ([([[1.0]], [0], [[1.0]])], "has 1 targets"),
        ([([[1.0]], [0, 1], [[1.0], [2.0]])], "1 context items and 2 labels"),
    ],
)
def test_tasks_that_are_none_are_refused(tasks: list[object], said: str) -> None:
    with pytest.raises(tnverify.BadInput, match=said):
        tnverify.audit(spec("Nearest"), tasks=tasks)


def test_a_failure_is_waived_until_it_is_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, waivers = tmp_path / "report.json", tmp_path / "waivers.toml"
    waivers.write_text("", encoding="utf-8")
    asked = ["audit", spec("Centred"), *QUICK, "--only", CONTENT]
    assert run([*asked, "--json", str(report)]) == 1
    assert run(["waive", str(report), CONTENT, "--reason", "known", "--waivers", str(waivers)]) == 0
    assert run([*asked, "--waivers", str(waivers)]) == 0
    mended = waivers.read_text(encoding="utf-8").replace(":Centred", ":Nearest")
    waivers.write_text(mended, encoding="utf-8")
    asked[1] = spec("Nearest")
    assert run([*asked, "--waivers", str(waivers)]) == 1
    assert "drop the waiver" in " ".join(capsys.readouterr().out.split())


def test_a_waiver_of_an_audit_does_not_disturb_verify(tmp_path: Path) -> None:
    from tnverify.catalogue import load_catalogue
    from tnverify.engine.waivers import read_waivers

    file = tmp_path / "waivers.toml"
    witness = "{plan = {}, context = [], target = []}"
    file.write_text(
        f'[[waivers]]\nlaw = "{CONTENT}"\nreason = "known"\nwitness = {witness}\n', encoding="utf-8"
    )
    assert [each.law for each in read_waivers(file, load_catalogue())] == [CONTENT]


def test_counterexamples_are_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    run(["audit", spec("Centred"), *QUICK, "--only", CONTENT, "--json", str(file)])
    assert run(["replay", str(file)]) == 1
    assert "still fails" in capsys.readouterr().out
    mended = file.read_text(encoding="utf-8").replace(":Centred", ":Nearest")
    file.write_text(mended, encoding="utf-8")
    assert run(["replay", str(file)]) == 0
    assert read_report(file).command == "audit"


def test_laws_of_audits_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "audit"]) == 0
    assert CONTENT in capsys.readouterr().out
    assert run(["explain", CONTENT]) == 0
    assert "a subject that fails it" in " ".join(capsys.readouterr().out.split())


def test_one_test_a_law(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import tnverify

        laws = ("{CONTENT}", "the_context_is_used", "the_order_of_targets_does_not_matter")

        @tnverify.parametrize_audit(r"{spec("Centred")}", profile="quick", input_shape=(6,),
                                    only=laws)
        def test_my_learner(law):
            law.check()
        """
    )
    ended = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-q")
    ended.assert_outcomes(passed=2, failed=1)
    ended.stdout.fnmatch_lines(["*Transductive: reads other targets.*"])
