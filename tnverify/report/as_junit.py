"""A run as JUnit XML: a suite a subject, a test case a law."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tnverify.report.cause import cause_text

if TYPE_CHECKING:
    from junitparser import TestCase, TestSuite

    from tnverify.engine.results import LawVerdict, RunReport, SubjectReport

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, not even escaped."""


def to_junit(run: RunReport) -> str:
    """The XML. What fails at must level is a failure; a should-level law that does not hold, a
    waived one and one that is not claimed or not decided are skipped, each with its reason."""
    from junitparser import JUnitXml

    suites = JUnitXml(f"tnverify {run.command}")
    for subject in run.subjects:
        suites.add_testsuite(_suite(subject, run))
    suites.update_statistics()
    text: str = suites.tostring().decode("utf-8")
    return text if text.endswith("\n") else f"{text}\n"


def _suite(subject: SubjectReport, run: RunReport) -> TestSuite:
    from junitparser import Error, Properties, Property, TestCase, TestSuite

    suite = TestSuite(_clean(subject.spec))
    suite.timestamp = run.started_at.partition("+")[0]
    properties = Properties()
    told = {"verdict": subject.verdict, "profile": run.profile, "seed": run.seed}
    for name, value in (*told.items(), *run.environment.items()):
        properties.add_property(Property(_clean(name), _clean(str(value))))
    suite.append(properties)
    if not subject.laws:
        case = TestCase("the layer can be used", _clean(subject.spec), subject.seconds)
        if subject.verdict != "conforms":
            reason = _clean(subject.reason or subject.verdict)
            case.result = [Error(reason, subject.verdict)]
        suite.add_testcase(case)
    for verdict in subject.laws:
        suite.add_testcase(_case(verdict, subject, run))
    return suite


def _case(verdict: LawVerdict, subject: SubjectReport, run: RunReport) -> TestCase:
    from junitparser import Error, Failure, Skipped, TestCase

    law = verdict.law
    case = TestCase(law.name, _clean(f"{subject.spec}.{law.family}"), verdict.seconds)
    reason = _clean(verdict.reason or "no reason was given")
    if verdict.is_bad:
        kind = Error if verdict.outcome == "broken" else Failure
        failed = kind(reason, verdict.outcome)
        failed.text = _clean(cause_text([verdict]))
        case.result = [failed]
    elif verdict.is_shown:
        case.result = [Skipped(f"should-level: {reason}", "should-level")]
    elif verdict.outcome == "held" and law.family in run.asleep:
        case.result = [Skipped("the suite did not catch its own known-bad layer", "inconclusive")]
    elif verdict.outcome != "held":
        case.result = [Skipped(f"{verdict.outcome.replace('_', ' ')}: {reason}", verdict.outcome)]
    return case


def _clean(text: str) -> str:
    """The text with what XML cannot hold written as escapes are."""
    return _FORBIDDEN.sub(
        lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text
    )
