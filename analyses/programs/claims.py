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
    Arm,
    PrintedEvidence,
    Requirement,
    Setting,
    Verdict,
    judge,
)
from tnverify.analyses.paper.requirements import (
    Above,
    AtChance,
    SameForEveryBatching,
    Shrinks,
    Spread,
)
from tnverify.analyses.programs import setups
from tnverify.analyses.programs.alpha_parameterisation import forms_of
from tnverify.analyses.programs.evidence import RecordedEvidence
from tnverify.analyses.programs.program import Found, Program
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
    from tnverify.analyses.paper import Finding
    from tnverify.analyses.programs.request import Request

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
        if learner != "maml":
            made += setups.runs(request, setups.varied(learner), schemes, seeds)
        if "tasknorm_i" not in schemes:
            continue
        if learner == "cnaps":
            made += forms_of(request, setups.varied(learner), seeds)
        elif learner == "maml":
            for shot in SHOTS:
                made += forms_of(request, setups.fixed(learner, 5, shot), seeds)
    return setups.once(made)


def content(found: Found) -> Content:
    """Verdicts with the figures that decide them, the paper's own beside."""
    evidence = RecordedEvidence(found.records, resamples=found.resamples)
    printed = PrintedEvidence()
    verdicts = [(judge(claim, evidence), judge(claim, printed)) for claim in CLAIMS]
    shown = tuple(_claim(here, paper, evidence) for here, paper in verdicts)
    counts = {o: sum(c.outcome == o for c in shown) for o in TONES}
    statements = tuple(
        Statement(text, f"{counts[outcome]} of {len(CLAIMS)}", TONES[outcome])
        for outcome, text in (
            ("reproduced", "claims of the paper reproduced here."),
            ("contradicted", "contradicted by what was measured here, on this data and budget."),
            ("undecided", "undecided: the intervals leave both open."),
            ("not measured", "not measured in these runs."),
        )
        if counts[outcome]
    )
    parts: list[Any] = []
    picture = _effects([here for here, _ in verdicts], evidence)
    if picture is not None:
        parts.append(Gallery((picture,)))
    parts.append(Verdicts(shown))
    frame = pd.DataFrame(
        [
            {
                "claim": c.number, "statement": c.statement, "outcome": c.outcome,
                "in_part": c.in_part, "asks": f.asks, "finding": f.outcome, "here": f.here,
                "paper": f.paper, "behind": f.behind,
            }
            for c in shown
            for f in c.findings
        ]
    )  # fmt: skip
    return Content(
        statements,
        (Section("Claims", tuple(parts), _seeds_words(found)), _limits()),
        METHODS,
        {"claims": frame},
    )


TONES: dict[str, Any] = {
    "reproduced": "good", "contradicted": "bad", "undecided": "unsure", "not measured": "quiet",
}  # fmt: skip

METHODS = paragraphs(
    """
    Each claim stands for comparisons with a direction. A comparison is reproduced where its 95 %
    interval lies beyond the limit, contradicted where it lies short of it, else undecided. One
    contradicted comparison contradicts its claim; intervals are not widened for their number, so a
    claim of dozens of comparisons is easily contradicted by one of them: look inside.

    The paper's own numbers go through the same comparisons; what they would decide stands beside.
    """
)


def _seeds_words(found: Found) -> str:
    seeds = {r.configuration.get("seed") for r in found.records}
    if len(seeds) < 2:
        return (
            "One training seed each, as in the paper: intervals are over test tasks alone, and "
            "another training may decide otherwise, which more seeds tell (--seeds, --standard)."
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


def _claim(here: Verdict, paper: Verdict, evidence: RecordedEvidence) -> ClaimShown:
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
    settings = [
        value
        for name in ("setting", "small", "large")
        if isinstance(value := getattr(requirement, name, None), Setting)
    ]
    rows = evidence.tests
    keep = pd.Series(data=False, index=rows.index)
    for setting in settings:
        mine = (rows["learner"] == setting.learner) & (rows["tasks"] == setting.tasks)
        keep |= mine if setting.shot is None else mine & (rows["shot"] == setting.shot)
    keep &= rows["in_parts"].astype(bool) == _about_batching(requirement)
    keep &= rows["scheme"].isin(_schemes(requirement))
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


def _about_batching(requirement: Requirement) -> bool:
    arms = [getattr(requirement, name, None) for name in ("first", "second", "arm")]
    parts = any(isinstance(arm, Arm) and arm.target_batching != "all" for arm in arms)
    return parts or isinstance(requirement, SameForEveryBatching)


def _schemes(requirement: Requirement) -> set[str]:
    """The schemes that a requirement is about."""
    arms = [getattr(requirement, n) for n in ("first", "second", "arm") if hasattr(requirement, n)]
    arms += [*getattr(requirement, "among", ()), *getattr(requirement, "arms", ())]
    return {arm.scheme for arm in arms} | set(getattr(requirement, "schemes", ()))


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
