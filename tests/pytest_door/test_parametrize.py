"""`@tnverify.parametrize`: one test a law in a project's own file of tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import door
import pytest

if TYPE_CHECKING:
    from door import Engine

FILE = """
import torch
import tnverify

class MyNorm(torch.nn.InstanceNorm2d):
    pass

@tnverify.parametrize(MyNorm, claims="meta_bn")
def test_my_norm(law):
    law.check()

def test_of_their_own():
    pass
"""


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    return door.install(monkeypatch)


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    path = pytester.makepyfile(test_norms=FILE)
    return pytester.runpytest_inprocess(path, "-p", "no:randomly", "--strict-markers", *arguments)


def test_each_law_is_a_test_with_the_laws_id(pytester: pytest.Pytester, engine: Engine) -> None:
    result = run(pytester, "--collect-only", "-q")
    assert result.outlines[: len(door.VERDICTS)] == [
        f"test_norms.py::test_my_norm[MyNorm::{verdict.law.name}]" for verdict in door.VERDICTS
    ]
    assert engine.asked == engine.measured == []


def test_each_ends_as_its_law_ended(pytester: pytest.Pytester, engine: Engine) -> None:
    result = run(pytester)
    result.assert_outcomes(passed=2, failed=2, skipped=1, xfailed=1, deselected=1)
    ((((recipe,), options)),) = engine.asked
    assert (recipe.spec, recipe.claims) == ("test_norms:MyNorm", "meta_bn")
    assert options.only == ()
    text = result.stdout.str()
    assert "E       tnverify.LawFailed: Does not hold: " in text
    assert ">       law.check()" in text
    assert "parametrized.py" not in text
    assert "\ntest_norms:MyNorm: adapter explicit_state, claims meta_bn" in text


def test_laws_are_picked_as_any_test_is(pytester: pytest.Pytester, engine: Engine) -> None:
    run(pytester, "-k", f"test_my_norm and {door.HELD.name}").assert_outcomes(passed=1)
    ((_, options),) = engine.asked
    assert options.only == (door.HELD.name,)
    run(pytester, "-m", "tnverify").assert_outcomes(passed=1, failed=2, skipped=1, xfailed=1)


def test_without_the_plug_in_it_works_all_the_same(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(test_norms=FILE)
    result = pytester.runpytest_inprocess(path, "-p", "no:tnverify", "-W", "ignore")
    result.assert_outcomes(passed=2, failed=2, skipped=2, xfailed=1)


def test_bad_input_is_said_when_the_file_is_collected(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(
        "import tnverify\n@tnverify.parametrize('torch.nn:Identity', claims='met_bn')\n"
        "def test_it(law): law.check()\n"
    )
    result = pytester.runpytest_inprocess(path)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E   tnverify.BadInput: unknown scheme 'met_bn': did you mean *"])
