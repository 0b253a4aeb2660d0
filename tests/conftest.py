"""What every test shares: Hypothesis runs the same examples each time and keeps no database."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["pytester"]

# Hypothesis loads a profile of its own where CI is set; ours holds everywhere.
hypothesis.settings.register_profile(
    "tnverify-tests", derandomize=True, database=None, deadline=None, print_blob=False
)
hypothesis.settings.load_profile("tnverify-tests")

# Sums depend on the number of threads, and workers share the machine's cores. Set before any
# test imports torch, and handed on to the programs that tests start.
os.environ["OMP_NUM_THREADS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Under mutmut the quickest tests first: the first that fails ends the trial of a mutant."""
    known = Path("mutmut-stats.json")
    if os.environ.get("MUTANT_UNDER_TEST") and known.is_file():
        seconds = json.loads(known.read_text(encoding="utf-8"))["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, 0.0))
