"""One command and one seed give one report, whatever a constructor draws."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LAYER = """
import torch
from torch import nn


class RandomWeight(nn.BatchNorm2d):
    def __init__(self, channels):
        super().__init__(channels, momentum=1.0)
        self.weight = nn.Parameter(torch.rand(channels) + 0.5)
        self.gain = nn.Parameter(torch.randn(channels).exp())

    def forward(self, x):
        return super().forward(x) * self.gain.view(1, -1, 1, 1)
"""


def _timeless(value: Any) -> Any:
    """The report without what a clock told."""
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in ("seconds", "started_at")}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_two_processes_give_one_report_of_a_layer_that_starts_at_random(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(LAYER)
    reports = []
    for name in ("first.json", "second.json"):
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "tnverify", "verify", "layers.py:RandomWeight"),
                *("--profile", "quick", "--only", "transductivity,moments", "--json", name),
            ],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout + ended.stderr
        reports.append(_timeless(json.loads((tmp_path / name).read_text())))
    assert reports[0] == reports[1]
