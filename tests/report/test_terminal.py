"""What a person reads: every part is there, in plain words, and nothing is torn."""

from __future__ import annotations

import io
from dataclasses import replace

import handmade
import pytest

from tnverify.contract.measured import Fingerprint, Nearness
from tnverify.engine.results import Cause, Effect, LawVerdict, SubjectReport
from tnverify.report.cause import cause_text
from tnverify.report.terminal import console, identify_lines, print_run, run_lines
from tnverify.report.words import reads


def text_of(*subjects: SubjectReport, width: int = 80, verbose: bool = False) -> str:
    lines = run_lines(handmade.run_of(*subjects), width, verbose=verbose)
    return "\n".join(line.plain for line in lines)


def test_the_most_telling_law_is_shown_whole() -> None:
    text = text_of(handmade.transductive())
    for part in (
        "violates: targets read other targets; 3 laws fail",
        "Does not hold: a target's output is the same whatever the other targets are.",
        "source      section 3.2, eq. (5)",
        "expected    [0]",
        "output      [0.7071]",
        "  smallest failing task, in float64\n              context [0], target [0, 1]",
        "calls       layer 1: condition [0] -> [0]",
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
    assert "\n1. Does not hold: a target's output is the same" in text
    assert "\n2. Does not hold: the output of one target has no gradient" in text


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


def test_should_level_findings_take_a_line_each() -> None:
    text = text_of(handmade.conforming())
    assert "conforms: as meta_bn; 3 laws hold" in text
    before, _, after = text.partition("Worth knowing.")
    assert "a_conditioned_layer_can_be_copied" not in before
    line = "    a_conditioned_layer_can_be_copied: raised RuntimeError in build: only ..."
    assert line in after.splitlines()
    after = text_of(handmade.conforming(), verbose=True).partition("Worth knowing.")[2]
    assert "Does not hold: a deep copy of a conditioned layer gives the same answers." in after
    assert after.count("only leaf tensors can be copied") == 1


def test_what_is_wrong_comes_first_and_how_it_was_driven_later() -> None:
    verdict, *others = handmade.transductive().laws
    law = replace(verdict.law, why="It matters so.", remedy="Change this.")
    told = replace(verdict, law=law, effect=Effect(2.0, 0.5, 3))
    text = text_of(replace(handmade.transductive(), laws=(told, *others)))
    places = [
        text.index(part)
        for part in (
            "violates: ", "Reads other targets: ", "Does not hold: ", "why         It matters so.",
            "change      Change this.", "effect      Replacing other targets moves",
            "expected    [0]", "output      [0.7071]", "  smallest failing task", "\n  calls ",
            "\n  where       ", "\n  found ", "\n  program ", "\n  law ", "\n  also fails",
            "\n  adapter ", "\n  claims ",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_an_effect_of_the_size_of_rounding_is_called_so() -> None:
    verdict = handmade.transductive().laws[0]
    small = replace(handmade.COUNTEREXAMPLE, effect=1.2e-12)
    text = " ".join(cause_text([replace(verdict, counterexample=small)]).split())
    assert "the output moves by 1.2e-12 only: a matter of rounding" in text
    plain = replace(handmade.COUNTEREXAMPLE, effect=0.1)
    assert "rounding" not in cause_text([replace(verdict, counterexample=plain)])


def test_of_several_layers_the_matrix_comes_first_with_its_legend_above() -> None:
    lines = text_of(handmade.transductive(), handmade.conforming()).splitlines()
    assert lines[0] == "1 of 2 layers breaks what it claims."
    assert lines[2].startswith("Families of laws: ")
    matrix = next(n for n, line in enumerate(lines) if "apart?  tr" in line)
    assert matrix < next(n for n, line in enumerate(lines) if line.startswith("  violates: "))


def test_reasons_of_laws_not_claimed_are_grouped() -> None:
    law = handmade.outputs_agree_with_the_formula
    other = LawVerdict(law, "not_claimed", reason="inductive has no formula")
    subject = replace(handmade.transductive(), laws=(handmade.NO_HANDLE, other, other), causes=())
    assert "  3 laws are not claimed.\n" in text_of(subject)
    text = " ".join(text_of(subject, verbose=True).split())
    assert (
        "3 laws are not claimed: 2 because inductive has no formula;"
        " 1 because the layer has no handle on scale and offset." in text
    )


def test_a_law_about_what_the_layer_refuses_is_named_with_its_words() -> None:
    reason = "the layer refuses such tasks: KeyError in condition: 'no spatial extent'"
    law = LawVerdict(handmade.outputs_agree_with_the_formula, "not_claimed", reason=reason)
    subject = replace(handmade.transductive(), laws=(handmade.NO_HANDLE, law), causes=())
    text = " ".join(text_of(subject).split())
    assert f"refused outputs_agree_with_the_formula: {reason}" in text
    assert "1 law is not claimed." in text


def test_reasons_of_single_laws_do_not_flood_the_page() -> None:
    law = handmade.outputs_agree_with_the_formula
    single = [LawVerdict(law, "not_claimed", reason=f"reason {n}") for n in range(3)]
    shared = [LawVerdict(law, "not_claimed", reason="it has no formula")] * 2
    subject = replace(handmade.transductive(), laws=(*single, *shared), causes=())
    text = " ".join(text_of(subject, verbose=True).split())
    assert (
        "5 laws are not claimed: 2 because it has no formula;"
        " 3 each for a reason of its own, which --json tells." in text
    )
    assert "reason 1" in " ".join(
        text_of(replace(subject, laws=tuple(single[:2])), verbose=True).split()
    )


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


def caused(subject: SubjectReport, cause: str) -> SubjectReport:
    """The subject with one failing law of this cause, which left two laws undecided."""
    first, second, third, *others = subject.laws
    laws = (
        replace(first, cause=cause),
        *(
            LawVerdict(v.law, "inconclusive", f"cannot be decided: the layer {cause}", cause=cause)
            for v in (second, third)
        ),
        *others,
    )
    names = tuple(v.law.name for v in (second, third))
    return replace(subject, laws=laws, causes=(Cause((first.law.name,), cause, names),))


def test_a_proven_cause_is_the_headline_with_what_it_left_undecided() -> None:
    text = text_of(caused(handmade.transductive(), "draws random numbers"), width=100)
    assert (
        "violates: it draws random numbers; 1 law fails, 2 cannot be decided because of it" in text
    )
    assert "\nThe layer draws random numbers.\n" in text
    assert "A target's output is the same whatever the other targets are." not in text
    assert "undecided   2 laws because of it: no_gradient_flows_between_targets," in text
    assert "cannot be decided: the layer" not in text, "said once, under its cause"
    assert "try " not in text


def test_what_to_change_is_said_of_the_proven_cause_and_not_of_the_law_that_showed_it() -> None:
    subject = handmade.transductive()
    told = text_of(subject)
    law = subject.laws[0].law
    for cause, change in (
        ("loses its digits on values far from zero, as E[x²] − E[x]² does (cancellation)", "mean"),
        ("answers NaN or infinity on ordinary input", "spread of zero"),
    ):
        text = text_of(caused(subject, cause))
        (said,) = (line for line in text.splitlines() if line.startswith("  change"))
        assert change in said
        assert said not in told
    assert " ".join(law.remedy.split()[:5]) in told


def test_a_layer_that_raises_on_ordinary_tasks_comes_with_what_to_try() -> None:
    cause = "raises on ordinary tasks: TypeError in condition: forward() missing 'mode'"
    text = text_of(caused(handmade.transductive(), cause), width=100)
    assert "try         --adapter NAME where it is to be called otherwise" in text
    assert text.count("violates: it raises on ordinary tasks") == 1


def test_what_conforms_says_as_what() -> None:
    subject = handmade.conforming()
    assert "conforms: as meta_bn; 3 laws hold" in text_of(subject)
    none = replace(subject, scheme="inductive")
    said = "conforms: as inductive; no scheme was claimed, and nothing was found; 3 laws hold"
    assert said in text_of(none, width=100)
    assert "conforms: as inductive; 3 laws hold" in text_of(replace(none, inferred=False))


def test_what_normalises_nothing_is_said_to() -> None:
    text = text_of(replace(handmade.conforming(), scheme="none", modifiers=()), width=100)
    assert "conforms: it normalises nothing (scheme none); 3 laws hold" in text
    assert "claims      none: no normalisation (" in text


def test_claims_that_were_never_found_out_are_not_called_those_of_no_scheme() -> None:
    text = text_of(replace(handmade.transductive(), scheme=None))
    assert "claims      not known" in text


def test_a_near_scheme_is_in_the_first_sentence_with_numbers_and_the_claim_to_make() -> None:
    near = Nearness("tasknorm_i", 0.10471, 3, 4)
    subject = replace(handmade.conforming(), scheme="inductive", nearness=near)
    text = " ".join(text_of(subject).split())
    assert (
        "conforms: as inductive; nearest tasknorm_i, from which its outputs differ by up to 0.105"
        " on 3 of 4 tasks: --claims tasknorm_i shows where. 3 laws hold" in text
    )


def test_a_near_scheme_is_told_of_a_layer_that_violates_too() -> None:
    near = Nearness("layer_norm", 0.25, 2, 4)
    text = " ".join(text_of(replace(handmade.transductive(), nearness=near)).split())
    assert "3 laws fail; nearest layer_norm, from which its outputs differ by up to 0.25" in text
    assert "no scheme fits" in text


def test_a_transductive_scheme_is_never_green(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = Fingerprint(("itself", "other_targets"), ("itself", "context"), "transductive_bn")
    subject = replace(handmade.conforming(), scheme="transductive_bn", fingerprint=flow)
    line = next(line for line in run_lines(handmade.run_of(subject), 80) if "conforms" in line)
    assert "conforms: as transductive_bn: transductive, as claimed" in line.plain
    assert [span.style for span in line.spans] == ["bold yellow"]


def test_planted_faults_that_fail_alike_are_named() -> None:
    subject = replace(handmade.transductive(), like_faults=("AveragedVariances",))
    assert "it fails as the planted fault AveragedVariances does" in " ".join(
        text_of(subject).split()
    )
    subject = replace(subject, like_faults=("One", "Other"))
    assert "it fails as the planted faults One and Other do" in text_of(subject, width=100)


def test_what_was_not_measured_is_never_called_unread() -> None:
    flow = Fingerprint(
        ("itself",),
        ("itself",),
        target_unmeasured=("past",),
        why_unmeasured="took over 60 s",
    )
    text = text_of(replace(handmade.conforming(), fingerprint=flow))
    assert "targets     read itself; not measured: past tasks (took over 60 s)" in text
    assert "context     reads itself\n" in text


def test_a_partial_run_says_what_was_asked() -> None:
    def said(**parts: tuple[str, ...]) -> str:
        run = replace(handmade.run_of(handmade.conforming()), **parts)  # type: ignore[arg-type]  # by name
        return "\n".join(line.plain for line in run_lines(run, 100))

    assert "Partial: only transductivity was asked." in said(only=("transductivity",))
    both = said(only=("state", "layouts"), skip=("a_law",))
    assert "Partial: only state and layouts were asked, without a_law." in both
    assert "Partial: gradients was not asked." in said(skip=("gradients",))
    assert "Partial" not in said()


def test_many_refused_tasks_are_told_beside_those_that_counted() -> None:
    subject = handmade.conforming()
    first, *others = subject.laws
    text = text_of(replace(subject, laws=(replace(first, refused=60), *others)))
    text = " ".join(text.split())
    assert "The layer refused many tasks to 1 law (most: 60 beside 104 that counted," in text
    text = text_of(replace(subject, laws=(replace(first, refused=3), *others)))
    assert "refused" not in text


def test_whoever_asks_what_a_layer_is_reads_first_what_to_know_of_it() -> None:
    subject = replace(handmade.conforming(), cautions=("It was built in eval().",))
    lines = [line.plain for line in identify_lines(subject, 80)]
    assert lines[:2] == [subject.spec, "  It was built in eval()."]
