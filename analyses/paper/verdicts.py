"""A claim judged by evidence: reproduced, contradicted, undecided or not measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tnverify.analyses.paper.findings import Finding, Outcome, find, together

if TYPE_CHECKING:
    from tnverify.analyses.paper.claims import Claim
    from tnverify.analyses.paper.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Verdict:
    """What evidence says of a claim, and by which findings."""

    claim: Claim
    outcome: Outcome
    findings: tuple[Finding, ...]

    @property
    def in_part(self) -> bool:
        """Whether some of what the claim requires was not measured, though not all of it."""
        missing = [f.outcome == "not measured" for f in self.findings]
        return any(missing) and not all(missing)


def judge(claim: Claim, evidence: Evidence) -> Verdict:
    """The verdict on a claim.

    Contradicted if any requirement that was measured is; else undecided if any of them is; else
    reproduced, if any was measured at all.
    """
    findings = tuple(find(requirement, evidence) for requirement in claim.requirements)
    return Verdict(claim, together(f.outcome for f in findings), findings)
