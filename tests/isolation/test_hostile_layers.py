"""Layers that harm their process, in one command: each is told of, and no other layer suffers."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING

import hostile_layers
import jsonschema
import pytest
import torch
from command_line import Terminal

from tnverify.engine import crew
from tnverify.isolation import Limits
from tnverify.report.as_json import schema
from tnverify.subjects import guard

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")

SOUND = "torch.nn:InstanceNorm2d"
FINE = ("held", "not_claimed")
SMALL = Limits(seconds=600.0, memory=0.5)
"""Little memory; time enough where other tests have most of the processor."""

LAWS = (
    "a_target_ignores_the_other_targets,calls_come_back,calls_leave_the_modes_of_torch,"
    "calls_leave_the_process_as_it_was,calls_replace_no_function,calls_draw_no_random_numbers"
)

FINDINGS = {
    "Exits": "exit code 7",
    "Crashes": "died of SIGSEGV",
    "Aborts": "died of SIGABRT",
    "LoopsInC": "no answer within",
    "Overflows": "died of SIGSEGV",
    "ChangesDtype": "default dtype",
    "SwitchesGradientsOff": "whether gradients are tracked",
    "Reseeds": "moved the global generator of torch",
    "Moves": "the working directory",
    "SetsVariables": "the environment's variables",
    "TakesSignals": "the handlers of signals",
    "Patches": "torch.allclose",
    "ReplacesModules": "sys.modules['torch.nn.functional']",
    "Raises": "Unheard",
    "Interrupts": "KeyboardInterrupt",
    "Forks": "came back in a second process",
    "ClosesFiles": "ended its process",
    "WritesEverywhere": "not its own",
}
"""Words of the finding of each, or of its one line where it never answers."""

LINES = {
    "StartsThreads": "can't start new thread",
    "Recurses": "RecursionError",
    "Hoards": "MemoryError",
}
"""What is said of those that take no input at all."""

QUIET = {"ClosesStdout": None, "Prints": "which are not shown", "DeletesItsFile": "is gone"}
"""What is noted of those whose answers are right all the same."""


@pytest.fixture
def ran(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[Any, dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(guard, "HANG_SECONDS", 4.0)
    monkeypatch.setattr(crew, "LIMITS", SMALL)
    shutil.copy(hostile_layers.__file__, tmp_path / "layers.py")
    shutil.copy(hostile_layers.__file__, tmp_path / "gone.py")
    names = [*FINDINGS, *LINES, *(name for name in QUIET if name != "DeletesItsFile")]
    specs = [SOUND, *(f"layers.py:{name}" for name in names), "gone.py:DeletesItsFile", SOUND]
    ended = Terminal(capsys)(
        "verify", *specs, "--profile", "quick", "--only", LAWS, "--json", "report.json",
    )  # fmt: skip
    report = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(report, schema())
    assert [each["spec"] for each in report["subjects"]] == specs
    return ended, report


@pytest.mark.usefixtures("few_tasks", "programs_are_not_run")
def test_each_is_told_of_and_no_other_layer_suffers(ran: tuple[Any, dict[str, Any]]) -> None:
    ended, report = ran
    assert ended.code == 1
    assert "Traceback" not in ended.out + ended.err
    first, *hostile, last = report["subjects"]
    for sound in (first, last):
        failed = [law for law in sound["laws"] if law["outcome"] not in FINE]
        assert (sound["verdict"], sound["reason"], failed) == ("conforms", None, [])
    found = {each["spec"].partition(":")[2]: each for each in hostile}
    for name, says in FINDINGS.items():
        if found[name]["verdict"] == "unusable":
            assert says in found[name]["reason"], name  # one clear line, where it never answers
            continue
        bad = [law for law in found[name]["laws"] if law["outcome"] in ("violated", "broken")]
        assert found[name]["verdict"] == "violates", name
        assert any(law["level"] == "must" for law in bad), name
        said = [(law["name"], law["reason"]) for law in bad]
        assert any(says in reason for _, reason in said), (name, said)
    for name, says in LINES.items():
        assert found[name]["verdict"] == "unusable"
        assert says in found[name]["reason"]
    text = " ".join(ended.out.split())
    for name, noted in QUIET.items():
        assert found[name]["verdict"] in ("conforms", "violates"), name
        assert noted is None or found[name]["verdict"] == "conforms" or noted in text
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() is torch.float32
