"""What is done with reports that are kept: shown, replayed, compared, and waived from."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import handmade
import pytest

from tnverify.catalogue import load_catalogue
from tnverify.engine.results import Counterexample, LawVerdict
from tnverify.engine.waivers import read_waivers
from tnverify.report.as_json import to_json
from tnverify.report.differences import difference_lines, differences
from tnverify.report.forms import FORMS
from tnverify.subjects.recipe import Found, SubjectRecipe

if TYPE_CHECKING:
    from command_line import Terminal

    from tnverify.engine.results import RunReport, SubjectReport

LAW = "a_target_ignores_the_other_targets"
RUN = handmade.run_of(handmade.transductive(), handmade.conforming())


def kept(run: RunReport, name: str = "r.json") -> Path:
    path = Path(name)
    path.write_text(to_json(run), encoding="utf-8")
    return path


# show


def test_a_report_is_shown_as_it_was(tnverify: Terminal) -> None:
    ended = tnverify("show", kept(RUN))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == FORMS["terminal"].text(RUN)


def test_a_report_is_written_in_other_forms(tnverify: Terminal) -> None:
    forms = [f"{form}:out.{form}" for form in FORMS]
    arguments = [word for form in forms for word in ("--report", form)]
    ended = tnverify("show", kept(RUN), *arguments)
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    for form in FORMS:
        assert Path(f"out.{form}").read_text(encoding="utf-8") == FORMS[form].text(RUN)
    ended = tnverify("show", "r.json", "--report", "markdown:-")
    assert ended.out == FORMS["markdown"].text(RUN)


@pytest.mark.parametrize("command", ["show", "replay", "diff", "waive"])
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "r.json: No such file or directory"),
        ('{"schema_version": 1}', "r.json: a report of version 1, where this tnverify reads"),
        (to_json(RUN)[:900], "r.json: it is no JSON: "),
        (to_json(RUN).replace('"seed": 0', '"seed": "a"'), "r.json: it is damaged: seed must be"),
    ],
)
def test_what_is_no_report_is_one_line(
    tnverify: Terminal, command: str, text: str | None, complaint: str
) -> None:
    if text is not None:
        Path("r.json").write_text(text, encoding="utf-8")
    more = {"diff": ["r.json"], "waive": [LAW, "--reason", "x"]}.get(command, [])
    ended = tnverify(command, "r.json", *more)
    assert (ended.code, ended.out) == (2, "")
    assert ended.complaint.startswith(complaint)


def test_a_report_that_cannot_be_written_is_one_line(tnverify: Terminal) -> None:
    ended = tnverify("show", kept(RUN), "--report", "html:none/page.html")
    assert (ended.code, ended.out) == (2, "")
    assert ended.complaint == "--report html:none/page.html: there is no folder none"


# diff


def with_outcome(subject: SubjectReport, law: str, outcome: Any, **more: Any) -> SubjectReport:
    laws = tuple(
        replace(v, outcome=outcome, counterexample=None, **more) if v.law.name == law else v
        for v in subject.laws
    )
    bad = any(v.is_bad for v in laws)
    return replace(subject, laws=laws, causes=(), verdict="violates" if bad else "conforms")


def test_what_is_new_and_what_is_fixed_is_told(tnverify: Terminal) -> None:
    sound = handmade.conforming()
    worse = with_outcome(sound, "outputs_agree_with_the_formula", "violated", reason="off by 1")
    old = kept(handmade.run_of(sound), "old.json")
    new = kept(handmade.run_of(worse), "new.json")
    ended = tnverify("diff", old, new)
    assert ended.code == 1
    assert "New failures" in ended.out
    assert f"  outputs_agree_with_the_formula of {sound.spec}\n      off by 1" in ended.out
    ended = tnverify("diff", new, old)
    assert ended.code == 0
    assert "0 new failures, 1 fixed, 1 as before; 0 margins moved." in ended.out
    ended = tnverify("diff", new, new)
    assert ended.code == 0
    assert ended.out == "0 new failures, 0 fixed, 2 as before; 0 margins moved.\n"


def test_margins_are_told_where_they_moved_by_more_than_three(tnverify: Terminal) -> None:
    sound = handmade.conforming()

    def at(margin: float) -> RunReport:
        law = "outputs_agree_with_the_formula"
        return handmade.run_of(with_outcome(sound, law, "held", margin=margin))

    for was, now, moved in ((0.1, 0.29, 0), (0.1, 0.31, 1), (0.4, 0.1, 1), (0.0, 0.02, 0)):
        found = differences(at(was), at(now))
        assert (len(found.margins), found.exit_code) == (moved, 0)
    text = "\n".join(line.plain for line in difference_lines(differences(at(0.1), at(0.5)), 80))
    assert "  0.1 to 0.5  outputs_agree_with_the_formula of tnverify.norms:MetaBN" in text


def test_subjects_that_come_go_or_break_are_told() -> None:
    sound, bad = handmade.conforming(), handmade.transductive()
    assert differences(handmade.run_of(sound), handmade.run_of(sound, bad)).exit_code == 1
    gone = differences(handmade.run_of(sound, bad), handmade.run_of(sound))
    assert (gone.went, gone.exit_code) == ((bad.spec,), 0)
    broken = replace(handmade.unusable(), spec=sound.spec)
    assert differences(handmade.run_of(sound), handmade.run_of(broken)).exit_code == 2
    undecided = with_outcome(sound, "outputs_agree_with_the_formula", "inconclusive")
    assert differences(handmade.run_of(sound), handmade.run_of(undecided)).exit_code == 3
    # Two subjects of one name are told apart by their order.
    twice = differences(handmade.run_of(sound, sound), handmade.run_of(sound, undecided))
    assert [change.after.outcome for change in twice.undecided] == ["inconclusive"]
    advisory = with_outcome(sound, "a_conditioned_layer_can_be_copied", "held")
    worse = differences(handmade.run_of(advisory), handmade.run_of(sound))
    assert (len(worse.new), worse.exit_code) == (1, 0)


# waive


EXAMPLE = Counterexample(
    plan={"lane": "float64", "drawn": {"seed": 1}, "weight": [], "bias": [], "scale": 0.0,
          "offset": "-Infinity", "spread": 0.0, "salt": 0, "past": []},
    context=[[[[0.0]]], [[["NaN"]]]],
    targets=[[[[1.5]]]],
)  # fmt: skip


def failing(spec: str = "layers.py:Mine('a \"b\"')", law: str = LAW) -> RunReport:
    known = load_catalogue().named(law)
    verdict = LawVerdict(known, "violated", "values differ", counterexample=EXAMPLE)
    held = LawVerdict(load_catalogue().named("calls_are_deterministic"), "held", examples=3)
    return handmade.run_of(replace(handmade.conforming(spec), laws=(verdict, held)))


PROJECT = """\
# A project of mine
[project]
name = "mine"   # and its name

[tool.other]
x = 1

[tool.tnverify]
profile = "quick"  # as on my laptop

[[tool.tnverify.waivers]]
law = "calls_are_deterministic"
reason = "known"
witness = { plan = {}, context = [], target = [] }

[build-system]
requires = []
"""


def test_a_waiver_is_written_and_all_else_stays(tnverify: Terminal) -> None:
    Path("pyproject.toml").write_text(PROJECT)
    spec = failing().subjects[0].spec
    ended = tnverify(
        "waive", kept(failing()), LAW, "--reason", 'mended in "2.0"\n', "--expires", "2027-01-31"
    )
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{LAW} of {spec} is waived in pyproject.toml\n"
    text = Path("pyproject.toml").read_text()
    assert text.startswith(PROJECT)
    first, second = read_waivers(Path("pyproject.toml"), load_catalogue())
    assert first.law == "calls_are_deterministic"
    assert (second.law, second.subject, second.reason) == (LAW, spec, 'mended in "2.0"')
    assert str(second.expires) == "2027-01-31"
    assert second.witness["context"] == EXAMPLE.context
    assert second.witness["target"] == EXAMPLE.targets
    assert second.witness["plan"] == {k: v for k, v in EXAMPLE.plan.items() if k != "drawn"}
    again = tnverify("waive", "r.json", LAW, "--reason", "again")
    assert (again.code, again.complaint) == (2, f"pyproject.toml: {LAW} is waived there already")
    assert Path("pyproject.toml").read_text() == text


def test_a_file_of_its_own_is_made_and_extended(tnverify: Terminal) -> None:
    kept(failing("a:B"), "one.json")
    kept(failing("c:D", "calls_draw_no_random_numbers"), "two.json")
    arguments = ["--reason", "x", "--waivers", "w.toml"]
    assert tnverify("waive", "one.json", LAW, *arguments).code == 0
    assert tnverify("waive", "two.json", "calls_draw_no_random_numbers", *arguments).code == 0
    waivers = read_waivers(Path("w.toml"), load_catalogue())
    assert [waiver.subject for waiver in waivers] == ["a:B", "c:D"]
    assert len(tomllib.loads(Path("w.toml").read_text())["waivers"]) == 2


def test_what_cannot_be_waived_is_one_line(tnverify: Terminal) -> None:
    kept(failing("a:B"))
    two = handmade.run_of(*failing("a:B").subjects, *failing("c:D").subjects)
    kept(two, "two.json")
    Path("inline.toml").write_text("waivers = [{ law = 'x' }]\n")
    Path("broken.toml").write_text("waivers = [\n")
    for arguments, complaint in (
        (["r.json", LAW, "--reason", " "], "--reason is empty: say why the failure is let be"),
        (["r.json", LAW], "Missing option '--reason'."),
        (["r.json", "a_target_ignores_other_targets", "--reason", "x"],
         "r.json: no law 'a_target_ignores_other_targets' that fails there: did you mean"),
        (["r.json", "calls_are_deterministic", "--reason", "x"],
         "r.json: calls_are_deterministic has no counterexample there: it does not fail"),
        (["r.json", LAW, "--reason", "x"],
         "there is no pyproject.toml here: name a file with --waivers"),
        (["two.json", LAW, "--reason", "x"], f"{LAW} fails for a:B, c:D: say for which with"),
        (["two.json", LAW, "--reason", "x", "--subject", "e:F"],
         f"--subject e:F: {LAW} fails for a:B, c:D"),
        (["r.json", LAW, "--reason", "x", "--expires", "soon"],
         "Invalid value for '--expires': 'soon' does not match"),
        (["r.json", LAW, "--reason", "x", "--waivers", "inline.toml"],
         "inline.toml: no [[waivers]] can be added: write waivers there as tables of their own"),
        (["r.json", LAW, "--reason", "x", "--waivers", "broken.toml"], "broken.toml: "),
        (["r.json", LAW, "--reason", "x", "--waivers", "no/w.toml"],
         "--waivers no/w.toml: there is no folder no"),
    ):  # fmt: skip
        ended = tnverify("waive", *arguments)
        assert (ended.code, ended.out) == (2, "")
        assert ended.complaint.startswith(complaint)
    assert Path("inline.toml").read_text() == "waivers = [{ law = 'x' }]\n"


# replay


LEAKY = """
import torch
class Mine(torch.nn.Module):
    def __init__(self, channels):
        super().__init__()
    def forward(self, x):
        {before}
        return x - x.mean() * {leak}
"""

TASK = Counterexample(
    plan={"lane": "float64", "weight": [], "bias": [], "scale": 0.0, "offset": 0.0, "spread": 0.0,
          "salt": 0, "past": []},
    context=[[[[0.0]]]],
    targets=[[[[0.0]]], [[[1.0]]]],
)  # fmt: skip


def replayable(*laws: str) -> RunReport:
    recipe = SubjectRecipe("layers.py:Mine", found=Found(adapter="no_context"))
    verdicts = tuple(
        LawVerdict(load_catalogue().named(law), "violated", "x", counterexample=TASK)
        for law in laws
    )
    subject = replace(handmade.conforming("layers.py:Mine"), laws=verdicts, recipe=recipe)
    return handmade.run_of(replace(subject, verdict="violates"))


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        (LEAKY.format(leak=1, before="pass"), 1, f"  still fails      {LAW}"),
        (LEAKY.format(leak=0, before="pass"), 0, f"  fixed            {LAW}"),
        (LEAKY.format(leak=1, before="import os; os._exit(3)"), 1, f"  still fails      {LAW}"),
        ("Other = 1", 2, f"  cannot be built  {LAW}"),
        (None, 2, f"  cannot be built  {LAW}"),
    ],
)
def test_counterexamples_are_asked_of_the_code_of_today(
    tnverify: Terminal, source: str | None, code: int, said: str
) -> None:
    kept(replayable(LAW))
    if source is not None:
        Path("layers.py").write_text(source)
    ended = tnverify("replay", "r.json")
    assert (ended.code, ended.err) == (code, "")
    assert said in ended.out


def test_one_law_alone_is_replayed(tnverify: Terminal) -> None:
    Path("layers.py").write_text(LEAKY.format(leak=1, before="pass"))
    other = "a_poisoned_target_poisons_only_itself"
    kept(replayable(LAW, other))
    ended = tnverify("replay", "r.json", other)
    assert ended.code == 0  # should-level
    assert f"still fails      {other} (should-level)" in ended.out
    assert LAW not in ended.out
    assert "1 counterexample: 1 still failing." in ended.out
    ended = tnverify("replay", "r.json", "a_target_ignores_other_targets")
    assert (ended.code, ended.out) == (2, "")
    assert "no law 'a_target_ignores_other_targets' that fails there" in ended.complaint


def test_a_law_that_is_gone_and_a_subject_that_is_not_described_are_told(
    tnverify: Terminal,
) -> None:
    gone = replace(load_catalogue().named(LAW).facts, name="a_law_of_yesterday")
    run = replayable(LAW)
    (subject,) = run.subjects
    run = replace(run, subjects=(
        replace(subject, laws=(replace(subject.laws[0], law=gone),)),
        replace(subject, recipe=None),
    ))  # fmt: skip
    Path("layers.py").write_text(LEAKY.format(leak=1, before="pass"))
    ended = tnverify("replay", kept(run))
    assert ended.code == 2
    assert "says nothing now a_law_of_yesterday" in ended.out
    assert "the report does not say how it is driven" in " ".join(ended.out.split())
