"""pytest-xdist: one worker verifies a layer, all agree on the items, and one report is written."""

from __future__ import annotations

import json
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
    result = pytester.runpytest_subprocess(
        "--tnverify", door.SPEC, "-n", "2", "-v", "--tnverify-report", "json:report.json"
    )
    result.assert_outcomes(passed=2, failed=2, skipped=1, xfailed=1)
    lines = [line for line in result.outlines if line.startswith("[gw")]
    laws = [law for law in handmade.LAWS if law is not door.NOT_CLAIMED]
    for law in laws:
        assert sum(line.rstrip().endswith(f"{door.SPEC}::{law.name}") for line in lines) == 1
    assert any(line.endswith(door.VIOLATED.statement[1:]) for line in result.outlines)
    assert "targets read itself, context" in result.stdout.str()
    # One worker verified the layer, and its report reached who writes it.
    assert len({line.split()[0] for line in lines if door.SPEC in line}) == 1
    (subject,) = json.loads((pytester.path / "report.json").read_text())["subjects"]
    assert len(subject["laws"]) == len(handmade.LAWS)

    again = pytester.runpytest_subprocess("--tnverify", door.SPEC, "--lf")
    again.assert_outcomes(failed=2)
