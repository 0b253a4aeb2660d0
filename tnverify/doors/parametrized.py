"""One test a law in a user's own test files: `@tnverify.parametrize(MyNorm, claims="meta_bn")`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from tnverify.catalogue import load_catalogue
from tnverify.doors.api import ask
from tnverify.doors.verification import LawFailed, Verification
from tnverify.isolation.processes import cores


class LawOfSubject:
    """One law for one subject, to be checked in a test of the user's own."""

    def __init__(self, name: str, verification: Verification) -> None:
        self.name = name
        self.verification = verification

    def __repr__(self) -> str:
        return f"<{self.name} of {self.verification.spec}>"

    @property
    def statement(self) -> str:
        """The law in words."""
        return load_catalogue().named(self.name).statement

    def check(self) -> None:
        """End the test as the law ended: a must-level law that does not hold fails it.

        A should-level law that does not hold, and one that is waived, end it as an expected
        failure, one that could not be decided skips it.
        """
        __tracebackhide__ = True
        end_as(self.name, self.verification)


def end_as(law: str, verification: Verification) -> None:
    """End a test as the law ended. Raises LawFailed, or what pytest has for the other ends."""
    __tracebackhide__ = True
    if verification.is_told:
        pytest.skip("the layer is unusable, as said above")
    verdict = verification.verdict(law)
    assert verification.run is not None
    reason = verdict.reason or "no reason was given"
    if verdict.outcome == "held" and verdict.law.family in verification.run.asleep:
        pytest.skip("inconclusive: the suite did not catch its own known-bad layer")
    if verdict.outcome == "not_claimed":
        pytest.skip(f"not claimed: {reason}")
    if verdict.outcome == "inconclusive":
        pytest.skip(f"inconclusive: {reason}")
    if verdict.outcome == "waived":
        pytest.xfail(f"waived: {reason}")
    if verdict.is_shown and not verdict.is_bad:
        pytest.xfail(f"should-level: {reason}")
    if verdict.is_shown:
        raise LawFailed(verification.text(law))


def parametrize(*subjects: object, **options: Any) -> Any:
    """Return a decorator that makes of a test function with an argument `law` one test a law.

    >>> import tnverify, torch
    >>> @tnverify.parametrize(torch.nn.InstanceNorm2d, claims="instance_norm")
    ... def test_my_norm(law):
    ...     law.check()

    Subjects and options are those of `tnverify.verify`. Ids are as those of `pytest --tnverify`:
    `test_my_norm[InstanceNorm2d::a_target_ignores_the_other_targets]`. A layer is verified once,
    when the first of its laws is checked, on the laws that were picked; what it does not claim is
    deselected. Raises BadInput, when the file is collected, for words that name nothing.
    """
    options.setdefault("jobs", jobs_here())
    whole = ask(subjects, **options)
    found = []
    for recipe in whole.recipes:
        verification = Verification(replace(whole, recipes=(recipe,)))
        called = recipe.spec.rpartition(":")[2]
        marks = (pytest.mark.tnverify, pytest.mark.xdist_group(f"tnverify {recipe.spec}"))
        found += [
            pytest.param(LawOfSubject(law, verification), id=f"{called}::{law}", marks=marks)
            for law in verification.laws
        ]
    return pytest.mark.parametrize("law", found)


def jobs_here(layers: int = 1) -> int:
    """How many processes may verify each of some layers, beside the workers of pytest-xdist."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return max(1, cores() // max(1, min(workers, layers)))
