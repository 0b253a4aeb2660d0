"""`claims`: every claim of the paper, judged by what was measured here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from tnverify.analyses.figures import bars
from tnverify.analyses.figures.drawing import counted
from tnverify.analyses.figures.looks import LEARNERS, LOOKS
from tnverify.analyses.paper import (
    CLAIMS,
    PrintedEvidence,
    Requirement,
    Verdict,
    judge,
)
from tnverify.analyses.paper.requirements import (
    Above,
    AtChance,
    GroupAbove,
    Shrinks,
    Spread,
    arms_of,
    settings_of,
)
from tnverify.analyses.programs import settling, setups
from tnverify.analyses.programs.alpha_parameterisation import forms_of
from tnverify.analyses.programs.evidence import RecordedEvidence
from tnverify.analyses.programs.program import Found, Program
from tnverify.analyses.programs.request import STYLES
from tnverify.analyses.report import (
    Content,
    Gallery,
    Note,
    Section,
    Statement,
    Verdicts,
    paragraphs,
)
from tnverify.analyses.report.content import ClaimShown, FindingShown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.analyses.paper import Finding
    from tnverify.analyses.programs.request import Request
    from tnverify.analyses.records import Record

SHOTS = (1, 5)
"""Shots of MAML, so that claim 16 has a small context and a larger one."""


def plan(request: Request) -> list[setups.Configuration]:
    """Everything that any claim asks for; runs that another analysis has made are not repeated.

    Below `--standard` one seed each, as in the paper: with so many runs a second would halve the
    training of all.
    """
    seeds = request.all_seeds(None if request.size.wide else 1)
    ways = (5, 20) if request.size.wide else (5,)
    made = []
    for learner in request.learning(("maml", "protonets", "cnaps")):
        schemes = request.chosen(
            (*setups.PAPER_SCHEMES, "baseline") if learner == "cnaps" else setups.PAPER_SCHEMES
        )
        if learner == "maml" or request.size.wide:
            fixed = [(way, shot) for way in ways for shot in SHOTS]
        else:
            fixed = [(5, 5)]
        if learner != "cnaps":
            for way, shot in fixed:
                made += setups.runs(request, setups.fixed(learner, way, shot), schemes, seeds)
                made.append(setups.pixels(request, setups.fixed(learner, way, shot)))
        if learner != "maml":
            made += setups.runs(request, setups.varied(learner), schemes, seeds)
            made.append(setups.pixels(request, setups.varied(learner)))
        if "tasknorm_i" not in schemes:
            continue
        if learner == "cnaps":
            made += forms_of(request, setups.varied(learner), seeds)
        elif learner == "maml":
            for shot in SHOTS:
                made += forms_of(request, setups.fixed(learner, 5, shot), seeds)
    return setups.once(made)


def content(found: Found) -> Content:
    """Verdicts with the figures that decide them, the paper's own beside; each condition's by
    themselves."""
    printed = PrintedEvidence()
    theirs = [judge(claim, printed) for claim in CLAIMS]
    by_condition: dict[str, list[Record]] = {}
    for record in found.records:
        by_condition.setdefault(settling.condition(record), []).append(record)
    statements: list[Statement] = []
    sections = []
    rows: list[dict[str, Any]] = []
    for style, records in (by_condition or {found.request.style: []}).items():
        evidence = RecordedEvidence(records, resamples=found.resamples)
        here = [judge(claim, evidence) for claim in CLAIMS]
        condition = f"style {STYLES.get(style, style)}"
        shown = tuple(
            _claim(mine, paper, evidence, condition)
            for mine, paper in zip(here, theirs, strict=True)
        )
        statements += _counts(shown, f" ({condition})" if len(by_condition) > 1 else "")
        picture = _effects(here, evidence)
        parts: list[Any] = [] if picture is None else [Gallery((picture,))]
        parts.append(Verdicts(shown))
        sections.append(Section(f"Claims, {condition}", tuple(parts), _seeds_words(records)))
        rows += _rows(shown)
    return Content(
        tuple(statements), (*sections, _limits()), METHODS, {"claims": pd.DataFrame(rows)}
    )


def _counts(shown: Sequence[ClaimShown], where: str) -> list[Statement]:
    counts = {o: sum(c.outcome == o for c in shown) for o in TONES}
    told = (
        ("reproduced", "claims of the paper reproduced here"),
        ("contradicted", "contradicted by what was measured here, on this data and budget"),
        ("no difference that matters", "about differences that lie within one point here"),
        ("undecided", "undecided: the intervals leave both open"),
        ("not judged", "not judged: too few seeds or tasks, or trainings that had not settled"),
        ("not measured", "not measured in these runs"),
    )
    return [
        Statement(f"{text}{where}.", f"{counts[outcome]} of {len(shown)}", TONES[outcome])
        for outcome, text in told
        if counts[outcome]
    ]


def _rows(shown: Sequence[ClaimShown]) -> list[dict[str, Any]]:
    return [
        {
            "claim": c.number, "condition": c.condition, "statement": c.statement,
            "outcome": c.outcome, "in_part": c.in_part, "asks": f.asks, "finding": f.outcome,
            "here": f.here, "paper": f.paper, "behind": f.behind,
        }
        for c in shown
        for f in c.findings
    ]  # fmt: skip


TONES: dict[str, Any] = {
    "reproduced": "good", "contradicted": "bad", "no difference that matters": "quiet",
    "undecided": "unsure", "not judged": "quiet", "not measured": "quiet",
}  # fmt: skip

METHODS = paragraphs(
    """
    The rules were written down before anything was measured. A comparison is judged where every
    arm has at least 3 training seeds (5 where groups are put in order or schemes ranked) and 200
    test tasks a cell, where the second half of the training budget changes accuracy by less than
    one point, and where schemes lie above raw pixels; ranks need ten domains. Else it is not
    judged, and the page says why.

    A claim is reproduced where all its judged comparisons are, by 95 % intervals; contradicted
    where one is by Holm's correction over all of them; a difference whose interval lies within one
    point is none that matters; else it is undecided. Orders of groups are contrasts of their
    means. A rank counts where it holds in 95 % of draws of seeds and tasks; cells that share tasks
    are drawn together. Claims about tables of one data set are judged on the data of training.

    The paper's own numbers go through the same comparisons; what they would decide stands beside.
    """
)


def _seeds_words(records: Sequence[Record]) -> str:
    seeds = {r.configuration.get("seed") for r in records}
    if len(seeds) < 2:
        return (
            "One training seed each, as in the paper: intervals are over test tasks alone, and "
            "nothing is judged by them; five seeds would be (--seeds 5)."
        )
    return f"{len(seeds)} training seeds: intervals are over seeds and test tasks."


def _limits() -> Section:
    return Section(
        "What these verdicts can and cannot say",
        (
            Note(
                "They are about the data and budgets of this report. The paper trained up to "
                "200,000 iterations on Omniglot, miniImageNet and Meta-Dataset; a claim that is "
                "contradicted on small networks and glyphs may hold there."
            ),
            Note(
                "The paper's Meta-Dataset numbers predate a repair of its shuffling, and two of "
                "its authors' own runs of one method differ by more than their intervals on 5 of "
                "13 data sets."
            ),
        ),
    )


def _claim(here: Verdict, paper: Verdict, evidence: RecordedEvidence, condition: str) -> ClaimShown:
    findings = tuple(
        FindingShown(
            asks=named(str(mine.requirement)),
            outcome=mine.outcome,
            here=named(mine.text),
            paper=named(theirs.text),
            behind=_behind(mine.requirement, evidence),
        )
        for mine, theirs in zip(here.findings, paper.findings, strict=True)
    )
    telling = findings[here.findings.index(_telling(here))]
    claim = here.claim
    return ClaimShown(
        number=claim.number,
        statement=claim.statement,
        source=claim.source,
        condition=condition,
        outcome=here.outcome,
        in_part=here.in_part,
        effect=f"{telling.asks}: {telling.here}",
        paper=telling.paper if telling.paper != "not measured" else "known from its prose alone",
        caveat=claim.caveat,
        behind=telling.behind,
        findings=findings,
    )


def named(text: str) -> str:
    """`text` with schemes and learners by the names that tables and figures have for them."""
    for key, name in (
        {s: look.name for s, look in LOOKS.items() if s != "none"} | LEARNERS
    ).items():
        text = re.sub(rf"\b{key}\b", name, text)
    return re.sub(r"(?<!\w)-(?=\d)", "−", text)  # a true minus sign, in numbers alone


def _telling(verdict: Verdict) -> Finding:
    """The finding that stands for a verdict: of those that came out like it, the one with the
    largest effect."""
    alike = [f for f in verdict.findings if f.outcome == verdict.outcome] or [*verdict.findings]
    return max(alike, key=lambda f: abs(f.effect.value) if f.effect is not None else -1.0)


def _behind(requirement: Requirement, evidence: RecordedEvidence) -> str:
    """The runs and tasks that a requirement was decided by."""
    settings = settings_of(requirement)
    rows = evidence.tests
    keep = pd.Series(data=False, index=rows.index)
    for setting in settings:
        mine = (rows["learner"] == setting.learner) & (rows["tasks"] == setting.tasks)
        keep |= mine if setting.shot is None else mine & (rows["shot"] == setting.shot)
    arms = arms_of(requirement)
    parts = any(arm.target_batching != "all" for arm in arms)
    keep &= rows["in_parts"].astype(bool) == parts
    keep &= rows["scheme"].isin({arm.scheme for arm in arms})
    found = rows[keep]
    if found.empty:
        return ""
    tasks = found.groupby(["learner", "tasks", "configuration"])["task"].nunique()
    return ", ".join(
        f"{number:,} {word}{'s' if number != 1 else ''}"
        for number, word in (
            (found["record"].nunique(), "run"), (found["seed"].nunique(), "seed"),
            (int(tasks.sum()), "test task"), (len(tasks), "test cell"),
        )
    )  # fmt: skip


def _effects(verdicts: list[Verdict], evidence: RecordedEvidence) -> Any:
    rows = []
    for verdict in verdicts:
        finding = _telling(verdict)
        if finding.effect is None or verdict.outcome == "not measured":
            continue
        effect = finding.effect
        words = f"{verdict.claim.number}  {_short(finding.requirement)}"
        rows.append((words, verdict.outcome, effect.value, effect.low, effect.high))
    if not rows:
        return None
    tests = evidence.tests
    most = int(tests.groupby("configuration")["task"].nunique().max())
    how_many = counted(most, int(tests["seed"].nunique()))
    return bars.effects(
        rows, "Effects behind the claims", "effects-of-claims",
        label=f"points, 95 % interval\n(up to {how_many} a cell)",
        caption="Of the comparisons that came out as the claim did, the one with the largest "
        "effect. Claims that are not about a difference are left out.",
    )  # fmt: skip


def _short(requirement: Requirement) -> str:
    """What an effect is a difference of, in few words."""
    if isinstance(requirement, Above):
        words = f"{requirement.first} − {requirement.second}".replace(" at a time", "")
        # Forms of alpha are of one scheme: its name says nothing.
        return named(re.sub(r"\w+ \((\w+) alpha ([\w ]+)\)", r"\1 \2", words))
    if isinstance(requirement, GroupAbove):
        sides = (", ".join(map(str, group)) for group in (requirement.higher, requirement.lower))
        return named(" − ".join(sides))
    if isinstance(requirement, AtChance):
        return named(f"{requirement.arm} − chance")
    if isinstance(requirement, Spread):
        return f"best − worst, {requirement.setting.learner}"
    if isinstance(requirement, Shrinks):
        return named(f"more on {requirement.second} where small")
    return ""


PROGRAM = Program(
    "claims", "Claims of the paper", "Which of the paper's claims hold here?", plan, content
)
