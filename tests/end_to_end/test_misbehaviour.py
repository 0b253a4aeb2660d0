"""Layers that were built and then misbehave: findings with exit code 1, never bad input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tnverify.subjects import guard

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import Terminal

pytestmark = pytest.mark.usefixtures("few_tasks", "programs_are_not_run")

_HEAD = "import sys, time, torch\nfrom torch import nn\nclass Layer(nn.InstanceNorm2d):\n"


@pytest.mark.parametrize(
    ("forward", "says"),
    [
        ("return super().forward(x)[:, :1]", "have shape"),
        ("return super().forward(x).tolist()", "not a tensor"),
        ("return super().forward(x).half()", "torch.float16"),
        ("return super().forward(x) * float('nan')", "not finite"),
        ("sys.exit(0)", "SystemExit"),
        ("return super().forward(x) + 1e-3 * torch.randn(x.shape[0], 1, 1, 1)", "random"),
        ("return super().forward(x.add_(1))", "modified"),
        ("return super().forward(x) if len(x) == 2 else typo", "NameError"),
    ],
    ids=["shape", "type", "dtype", "nan", "exit", "draws", "edits", "raises"],
)
def test_misbehaviour_is_a_finding(
    tnverify: Terminal, tmp_path: Path, forward: str, says: str
) -> None:
    (tmp_path / "layers.py").write_text(f"{_HEAD}    def forward(self, x):\n        {forward}\n")
    ended = tnverify("verify", "layers.py:Layer", "--profile", "quick")
    assert ended.code == 1, ended.out
    assert says in " ".join(ended.out.split())
    assert "Traceback" not in ended.out + ended.err


def test_a_layer_that_never_answers_is_bad_input(tnverify: Terminal, tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text(f"{_HEAD}    def forward(self, x):\n        typo\n")
    ended = tnverify("verify", "layers.py:Layer", "--profile", "quick")
    assert ended.code == 2, ended.out
    assert "raises on every ordinary task, in condition: NameError" in ended.complaint


def test_a_hang_is_a_finding_and_the_run_goes_on(
    tnverify: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "HANG_SECONDS", 0.5)
    (tmp_path / "layers.py").write_text(
        f"{_HEAD}    def forward(self, x):\n"
        "        print('asked', file=open('asked.txt', 'a'))\n"
        "        while True: time.sleep(0.01)\n"
    )
    ended = tnverify(
        "verify",
        "layers.py:Layer",
        "torch.nn:InstanceNorm2d",
        "--profile",
        "quick",
        "--only",
        "transductivity",
    )
    assert ended.code == 1
    assert "no answer within" in ended.out
    assert "torch.nn:InstanceNorm2d" in ended.out
    # Ten seconds each, and more where it sleeps.
    assert len((tmp_path / "asked.txt").read_text().splitlines()) <= 24
