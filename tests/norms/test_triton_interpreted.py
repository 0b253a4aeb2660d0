"""The tests of the Triton kernels, without a GPU: in a process where Triton interprets them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from samples import each as sampled

PARTS = ("agrees_with_the_oracle", "derivatives or gradients")
"""Tests by words of their names, so that workers can share them; what is left makes one more."""


@pytest.mark.skipif(find_spec("triton") is None, reason="needs Triton (pip install triton)")
@pytest.mark.parametrize("part", sampled([*PARTS, f"not ({' or '.join(PARTS)})"], 3))
def test_the_kernels_hold_in_the_interpreter(part: str) -> None:
    tests = Path(__file__).with_name("test_triton.py")
    came = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", part, str(tests)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=tests.parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert came.returncode == 0, came.stdout + came.stderr
    assert re.search(r"[1-9]\d* passed", came.stdout), came.stdout
