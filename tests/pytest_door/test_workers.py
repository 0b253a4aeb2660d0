"""pytest-xdist: workers verify for themselves and agree on the items."""

from __future__ import annotations

import sys

import door
import handmade
import pytest

_CONFTEST = f"""
import sys
sys.path[:0] = {[path for path in sys.path if path]!r}
import door
import pytest
door.install(pytest.MonkeyPatch())
"""


@pytest.fixture(autouse=True)
def _in_every_process(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(_CONFTEST)
    pytester.makepyfile("def test_of_the_project(): pass")


def test_two_workers_run_every_law_once_and_know_what_failed_last(
    pytester: pytest.Pytester,
) -> None:
    result = pytester.runpytest_subprocess("--tnverify", door.SPEC, "-n", "2", "-v")
    result.assert_outcomes(passed=1, failed=2, skipped=2, xfailed=1)
    lines = [line for line in result.outlines if line.startswith("[gw")]
    for law in handmade.LAWS:
        assert sum(line.rstrip().endswith(f"{door.SPEC}::{law.name}") for line in lines) == 1
    assert door.VIOLATED.statement in result.outlines
    assert "targets read itself, context" in result.stdout.str()

    again = pytester.runpytest_subprocess("--tnverify", door.SPEC, "--lf")
    again.assert_outcomes(failed=2)
