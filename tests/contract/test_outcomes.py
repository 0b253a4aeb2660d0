"""What the endings of a law carry."""

from __future__ import annotations

import pytest

from tnverify.contract import SubjectRaised, Violation
from tnverify.contract.outcomes import first_line


def test_a_violation_is_an_assertion_error_that_carries_its_evidence() -> None:
    bare = Violation("moved")
    assert isinstance(bare, AssertionError)
    assert (str(bare), bare.symptom, bare.expected, bare.actual) == ("moved", "value", None, None)
    full = Violation("moved", symptom="flow", expected="[1]", actual="[2]")
    assert (full.symptom, full.expected, full.actual) == ("flow", "[1]", "[2]")


def test_what_a_subject_raised_is_kept_and_told_in_one_line() -> None:
    error = KeyError("running_mean")
    raised = SubjectRaised(error, "condition")
    assert str(raised) == "KeyError in condition: 'running_mean'"
    assert (raised.error, raised.during) == (error, "condition")
    assert (raised.probe, raised.given) == (None, None)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n  one \n  two"), "one"),
        (
            ValueError("Errors in loading:\n\tMissing keys: a\nmore"),
            "Errors in loading: Missing keys: a",
        ),
        (ValueError(), "ValueError()"),
        (ValueError(" \n"), "ValueError(' \\n')"),
    ],
    ids=["two lines", "indented", "announced", "none", "blank"],
)
def test_an_error_is_told_by_its_first_line_or_by_its_kind(error: Exception, line: str) -> None:
    assert first_line(error) == line
    assert str(SubjectRaised(error, "build")) == f"ValueError in build: {line}"
