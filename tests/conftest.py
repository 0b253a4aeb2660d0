"""What every test shares: Hypothesis runs the same examples each time and keeps no database."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]

# Hypothesis loads a profile of its own where CI is set; ours holds everywhere.
hypothesis.settings.register_profile(
    "tnverify-tests", derandomize=True, database=None, deadline=None, print_blob=False
)
hypothesis.settings.load_profile("tnverify-tests")

# Sums depend on the number of threads, and workers share the machine's cores. Set before any
# test imports torch, and handed on to the programs that tests start.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture
def hears_ctrl_c() -> Iterator[None]:
    """Let programs that a test starts hear SIGINT, which is ignored by what a shell starts in the
    background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def few_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the profile quick ask three tasks a law, for what does not depend on how many."""
    from tnverify.engine.profiles import PROFILES

    monkeypatch.setitem(PROFILES, "quick", replace(PROFILES["quick"], tasks=3, corpus=6))


@pytest.fixture
def programs_are_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no process verify reproducers: to start it takes longer than all else of many runs."""
    from tnverify.engine import reproducer

    monkeypatch.setattr(reproducer, "_RUN_ALL", "")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked slow, unless they are asked for or one is named."""
    named = any("::" in argument for argument in config.args)
    if not (config.getoption("slow") or named):
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)
    _quickest_first(items)


def _quickest_first(items: list[pytest.Item]) -> None:
    """Under mutmut, where the first test that fails ends the trial of a mutant, those first that
    noticed another mutant of the same function, and the quickest before the others."""
    notes, known = _notes_on_mutants(), Path("mutmut-stats.json")
    if notes is not None and known.is_file():
        seconds = json.loads(known.read_text(encoding="utf-8"))["duration_by_test"]
        noticed = set(notes.read_text(encoding="utf-8").splitlines()) if notes.is_file() else set()
        items.sort(key=lambda item: (item.nodeid not in noticed, seconds.get(item.nodeid, 0.0)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Under mutmut, keep which test noticed the mutant."""
    notes = _notes_on_mutants()
    if notes is not None and report.failed:
        notes.parent.mkdir(exist_ok=True)
        with notes.open("a", encoding="utf-8") as file:
            file.write(f"{report.nodeid}\n")


def _notes_on_mutants() -> Path | None:
    """Where the tests stand that noticed mutants of the function that is mutated; None without."""
    function, mutant, _ = os.environ.get("MUTANT_UNDER_TEST", "").rpartition("__mutmut_")
    return Path("noticed", f"{function}.txt") if mutant else None
