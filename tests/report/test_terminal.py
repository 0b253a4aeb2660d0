"""What a person reads: every part is there, in plain words, and nothing is torn."""

from __future__ import annotations

import io
from dataclasses import replace

import handmade
import pytest

from tnverify.contract.measured import Fingerprint
from tnverify.engine.results import Cause, LawVerdict, SubjectReport
from tnverify.report.cause import cause_text
from tnverify.report.terminal import console, identify_lines, print_run, run_lines
from tnverify.report.words import boundary, reads


def text_of(*subjects: SubjectReport, width: int = 80) -> str:
    return "\n".join(line.plain for line in run_lines(handmade.run_of(*subjects), width))


def test_the_most_telling_law_is_shown_whole() -> None:
    text = text_of(handmade.transductive())
    for part in (
        "violates: 3 laws fail",
        "A target's output is the same whatever the other targets are.",
        "source      section 3.2, eq. (5)",
        "expected    [0]",
        "came        [0.7071]",
        "task        context [0], target [0, 1], in float64",
        "asked       layer 1: condition [0] -> [0]",
        "            layer 1: normalize [0, 1] -> [-1, 1]",
        "where       fails for 2 or more targets, passes for 1",
        "fails for every number of context items and channels that was",
        "program     tnverify-out/BatchNorm2d_a_target_ignores_the_other_targets.py",
        "run in a fresh process, it fails the same way",
    ):
        assert part in text


def test_each_other_law_of_the_cause_is_one_line() -> None:
    lines = text_of(handmade.transductive()).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("  also fails"))
    assert "no_gradient_flows_between_targets: the gradient of target 0" in lines[first]
    assert "any_partition_of_the_targets_gives_the_same" in lines[first + 1]
    assert lines[first + 2] == ""


def test_a_reason_is_said_once() -> None:
    verdict = handmade.transductive().laws[0]
    other = replace(verdict, law=handmade.no_gradient_flows_between_targets)
    assert cause_text([verdict, other]).splitlines()[-1].endswith(other.law.name)
    different = replace(other, reason="another reason")
    assert cause_text([verdict, different]).splitlines()[-1].endswith(": another reason")


def test_causes_are_numbered_where_there_are_several() -> None:
    subject = handmade.transductive()
    first, second, third = subject.causes[0].laws
    text = text_of(replace(subject, causes=(Cause((first, third)), Cause((second,)))))
    assert "\n1. A target's output is the same" in text
    assert "\n2. The output of one target has no gradient" in text


def test_a_law_that_no_cause_names_is_still_shown() -> None:
    assert "\n3. " in text_of(replace(handmade.transductive(), causes=()))


def test_a_program_that_did_not_fail_is_not_called_verified() -> None:
    (verdict, *_) = handmade.transductive().laws
    example = replace(handmade.COUNTEREXAMPLE, verified=False)
    text = cause_text([replace(verdict, counterexample=example)])
    assert "fails the same way" not in text
    assert "not confirmed: a fresh process did not fail the same way" in text


def test_whom_outputs_read_is_said_in_plain_words() -> None:
    assert reads(("itself",)) == "itself"
    assert reads(("context", "itself")) == "itself, context"
    assert reads(("itself", "other_targets")) == "itself, other targets: transductive"
    assert reads(("past", "itself", "context")) == "itself, context, past tasks"
    assert "read itself, other targets: transductive" in text_of(handmade.transductive())


def test_claims_say_whether_they_were_declared() -> None:
    inferred, declared = handmade.conforming(), replace(handmade.conforming(), inferred=False)
    assert "meta_bn, unbiased (inferred from what was measured)" in text_of(inferred)
    assert "meta_bn, unbiased (as declared)" in text_of(declared)
    nothing = replace(
        handmade.transductive(), fingerprint=Fingerprint(("itself", "past"), ("itself", "past"))
    )
    assert "inductive (nothing was declared, and no scheme fits)" in text_of(nothing)


def test_what_holds_comes_with_its_tasks_and_its_worst_margin() -> None:
    text = " ".join(text_of(handmade.conforming()).split())
    assert "each on at least 98 tasks that counted" in text
    assert "(fewest: any_partition_of_the_targets_gives_the_same)" in text
    assert "Worst margin: 0.42 of the rounding error that is allowed" in text
    assert "(outputs_agree_with_the_formula)" in text


def test_should_level_findings_stand_apart() -> None:
    text = text_of(handmade.conforming())
    assert "conforms: as meta_bn; 3 laws hold" in text
    before, _, after = text.partition("Worth knowing.")
    assert "A deep copy of a conditioned layer" not in before
    assert "A deep copy of a conditioned layer gives the same answers." in after
    assert after.count("only leaf tensors can be copied") == 1


def test_reasons_of_laws_not_claimed_are_grouped() -> None:
    law = handmade.outputs_agree_with_the_formula
    other = LawVerdict(law, "not_claimed", reason="inductive has no formula")
    subject = replace(handmade.transductive(), laws=(handmade.NO_HANDLE, other, other), causes=())
    text = " ".join(text_of(subject).split())
    assert (
        "3 laws are not claimed: 2 because inductive has no formula;"
        " 1 because the layer has no handle on scale and offset." in text
    )


def test_reasons_of_single_laws_do_not_flood_the_page() -> None:
    law = handmade.outputs_agree_with_the_formula
    single = [LawVerdict(law, "not_claimed", reason=f"reason {n}") for n in range(3)]
    shared = [LawVerdict(law, "not_claimed", reason="it has no formula")] * 2
    subject = replace(handmade.transductive(), laws=(*single, *shared), causes=())
    text = " ".join(text_of(subject).split())
    assert (
        "5 laws are not claimed: 2 because it has no formula;"
        " 3 each for a reason of its own, which --json tells." in text
    )
    assert "reason 1" in " ".join(text_of(replace(subject, laws=tuple(single[:2]))).split())


def test_undecided_and_waived_laws_give_their_reasons() -> None:
    text = text_of(handmade.inconclusive())
    assert "waived      outputs_agree_with_the_formula: known, mended in 2.0" in text
    assert "a_target_ignores_the_other_targets: no second target in any task" in text
    assert "inconclusive: 1 must-level law saw no task that counts" in text


def test_many_undecided_laws_of_one_reason_are_counted() -> None:
    (verdict, _) = handmade.inconclusive().laws
    text = text_of(replace(handmade.inconclusive(), laws=(verdict,) * 4))
    assert "undecided   4 laws: no second target in any task" in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_lines_fit_and_no_word_is_torn(width: int) -> None:
    subjects = (
        handmade.transductive(), handmade.conforming(), handmade.inconclusive(),
        handmade.unusable(),
    )  # fmt: skip
    text = text_of(*subjects, width=width)
    # Where a reason does not fit beside a law's name, the colon between them goes too.
    words = {word.rstrip(":") for word in text_of(*subjects, width=10_000).split()}
    assert {word.rstrip(":") for word in text.split()} <= words
    if width >= 80:
        assert max(map(len, text.splitlines())) <= width


def test_a_pipe_gets_no_colours_and_the_whole_text() -> None:
    run = handmade.run_of(handmade.transductive(), handmade.conforming())
    file = io.StringIO()
    print_run(run, console(file=file))
    expected = "\n".join(line.plain for line in run_lines(run, 80))
    assert file.getvalue() == expected + "\n"


def test_no_color_holds_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured, plain = io.StringIO(), io.StringIO()
    print_run(handmade.run_of(handmade.transductive()), console(file=coloured))
    print_run(handmade.run_of(handmade.transductive()), console(color=False, file=plain))
    assert "\x1b[1;31m" in coloured.getvalue()
    assert "\x1b[31m" not in plain.getvalue()
    assert ";31m" not in plain.getvalue()


def test_brackets_of_a_spec_are_no_markup() -> None:
    file = io.StringIO()
    spec = "torch.nn:LayerNorm([channels, *spatial])"
    print_run(handmade.run_of(replace(handmade.conforming(), spec=spec)), console(file=file))
    assert spec in file.getvalue()


def test_an_interrupted_run_says_so() -> None:
    run = handmade.run_of(handmade.conforming(), interrupted=True)
    assert "Interrupted" in "\n".join(line.plain for line in run_lines(run, 80))
    assert "Interrupted" not in text_of(handmade.conforming())


def test_layers_that_were_not_reached_are_counted() -> None:
    missing = SubjectReport("m:Layer", "inconclusive", reason="interrupted before it was verified")
    run = handmade.run_of(handmade.conforming(), missing, missing, interrupted=True)
    text = "\n".join(line.plain for line in run_lines(run, 80))
    assert "found so far; 2 layers were not reached." in text
    assert "before it was verified" not in text


def test_identifying_shows_the_flow_and_the_nearest_scheme() -> None:
    text = "\n".join(line.plain for line in identify_lines(handmade.transductive(), 80))
    assert "read itself, other targets: transductive" in text
    assert "nearest     transductive_bn" in text
    assert "law" not in text


def test_dimensions_that_do_not_matter_share_a_line() -> None:
    assert boundary(
        {
            "context": "fails for 4 or more context items, passes for 1 to 3",
            "targets": "fails for 1 to 12 targets",
            "height": "fails for 1 to 12 rows",
            "width": "fails for 1 to 12 columns",
        }
    ) == [
        "fails for 4 or more context items, passes for 1 to 3",
        "fails for every number of targets, rows and columns that was tried",
    ]
