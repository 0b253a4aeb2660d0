"""One test a law of an audit in a user's own test files: `@tnverify.parametrize_audit(learner)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tnverify.auditing.api import AuditAsked
from tnverify.bad_input import BadInput
from tnverify.doors.verification import LawFailed

if TYPE_CHECKING:
    from tnverify.engine.results import LawVerdict, SubjectReport


class _Audit:
    """A subject that is audited once, when the first of its laws is checked."""

    def __init__(self, asked: AuditAsked) -> None:
        self.asked = asked
        self._found: SubjectReport | None = None

    def report(self) -> SubjectReport:
        """What became of it. Raises BadInput where it cannot be audited."""
        if self._found is None:
            run = self.asked.report()
            if run.interrupted:
                raise KeyboardInterrupt
            self._found = run.subjects[0]
        if self._found.verdict == "unusable":
            raise BadInput(f"{self._found.spec}: {self._found.reason}")
        return self._found


class LawOfAudit:
    """One law for one subject, to be checked in a test of the user's own."""

    def __init__(self, name: str, statement: str, audit: _Audit) -> None:
        self.name, self.statement = name, statement
        self._audit = audit

    def __repr__(self) -> str:
        return f"<{self.name} of {self._audit.asked.spec}>"

    def check(self) -> None:
        """End the test as the law ended: a must-level law that does not hold fails it.

        A should-level law that does not hold, and one that is waived, end it as an expected
        failure, one that is not claimed or could not be decided skips it.
        """
        __tracebackhide__ = True
        report = self._audit.report()
        _end_as(report.verdict_of(self.name), report)


def _end_as(verdict: LawVerdict, report: SubjectReport) -> None:
    __tracebackhide__ = True
    reason = verdict.reason or "no reason was given"
    if verdict.outcome in ("not_claimed", "inconclusive"):
        pytest.skip(f"{verdict.outcome.replace('_', ' ')}: {reason}")
    if verdict.outcome == "waived":
        pytest.xfail(f"waived: {reason}")
    if verdict.is_shown and not verdict.is_bad:
        pytest.xfail(f"should-level: {reason}")
    if verdict.is_bad:
        from tnverify.report import plain
        from tnverify.report.cause import cause_text

        text = f"{plain.sentence(report)}\n{cause_text([verdict])}"
        raise LawFailed(text)


def parametrize_audit(subject: object, **options: Any) -> Any:
    """Return a decorator that makes of a test function with an argument `law` one test a law.

    >>> import tnverify
    >>> from sklearn.neighbors import NearestCentroid
    >>> @tnverify.parametrize_audit(NearestCentroid, profile="quick")
    ... def test_my_learner(law):
    ...     law.check()

    Subject and options are those of `tnverify.audit`. It is audited once, when the first of its
    laws is checked. Raises BadInput, when the file is collected, for words that name nothing.
    """
    asked = AuditAsked(subject, **options)
    audit = _Audit(asked)
    called = asked.spec.rpartition(":")[2]
    marks = (pytest.mark.tnverify, pytest.mark.xdist_group(f"tnverify audit {asked.spec}"))
    found = [
        pytest.param(
            LawOfAudit(law.name, law.statement, audit), id=f"{called}::{law.name}", marks=marks
        )
        for law in asked.laws
    ]
    return pytest.mark.parametrize("law", found)
