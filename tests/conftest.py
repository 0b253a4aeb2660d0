"""What every test shares: Hypothesis runs the same examples each time and keeps no database."""

from __future__ import annotations

import os

import hypothesis

pytest_plugins = ["pytester"]

# Hypothesis loads a profile of its own where CI is set; ours holds everywhere.
hypothesis.settings.register_profile(
    "tnverify-tests", derandomize=True, database=None, deadline=None, print_blob=False
)
hypothesis.settings.load_profile("tnverify-tests")

# Sums depend on the number of threads, and workers share the machine's cores. Set before any
# test imports torch, and handed on to the programs that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
