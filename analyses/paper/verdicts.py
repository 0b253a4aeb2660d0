"""A claim judged by evidence: reproduced, contradicted, no difference that matters, undecided."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tnverify.analyses.paper.findings import Finding, Outcome, find
from tnverify.analyses.paper.rules import RULES, Rules
from tnverify.analyses.statistics import holm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.analyses.paper.claims import Claim
    from tnverify.analyses.paper.evidence import Evidence

UNJUDGED = ("not measured", "not judged")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What evidence says of a claim, and by which findings."""

    claim: Claim
    outcome: Outcome
    findings: tuple[Finding, ...]

    @property
    def in_part(self) -> bool:
        """Whether some of what the claim requires has no verdict, though not all of it."""
        missing = [f.outcome in UNJUDGED for f in self.findings]
        return any(missing) and not all(missing)


def judge(claim: Claim, evidence: Evidence, rules: Rules = RULES) -> Verdict:
    """The verdict on a claim, by those of its comparisons that may be judged.

    Reproduced if each of them is; contradicted if any is by Holm's correction over all of them,
    so that a true claim of many comparisons is not refuted by their number; *no difference that
    matters* if those that are not reproduced make none; else undecided.
    """
    findings = corrected([find(each, evidence, rules) for each in claim.requirements], rules)
    return Verdict(claim, together(findings), findings)


def corrected(findings: Sequence[Finding], rules: Rules = RULES) -> tuple[Finding, ...]:
    """The findings of one claim, contradicted where they still are after Holm's correction."""
    adjusted = iter(holm([p for each in findings for p in each.refutations]))
    made = []
    for each in findings:
        refuted = any([next(adjusted) < rules.error for _ in each.refutations])  # noqa: C419 - every one is taken
        spared = each.outcome == "contradicted" and not refuted
        made.append(replace(each, outcome="undecided") if spared else each)
    return tuple(made)


def together(findings: Sequence[Finding]) -> Outcome:
    """The outcome of a claim with these findings."""
    found = {each.outcome for each in findings}
    judged = found - set(UNJUDGED)
    if not judged:
        return "not judged" if "not judged" in found else "not measured"
    order: tuple[Outcome, ...] = (
        "contradicted", "undecided", "no difference that matters", "reproduced",
    )  # fmt: skip
    return next(outcome for outcome in order if outcome in judged)
