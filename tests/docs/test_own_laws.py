"""The adapter and the law that the documentation shows do what it says of them."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

import pytest
from command_line import Terminal
from doc_pages import DOCS, run_python

from tnverify.engine.evaluate import evaluate
from tnverify.plans import Plan
from tnverify.subjects import SubjectProber, SubjectRecipe, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from tnverify.catalogue import Law


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the files that the pages show."""
    monkeypatch.chdir(tmp_path)
    for name in ("write-an-adapter", "write-a-law"):
        run_python(DOCS / "how-to" / f"{name}.md")
    return tmp_path


def test_the_adapter_drives_the_layer(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ended = Terminal(capsys)(
        "verify",
        "layers.py:ByNumber",
        "--adapter",
        "adapters.py:Numbered",
        "--profile",
        "quick",
        "--only",
        "transductivity,task_isolation",
        "--json",
        page / "report.json",
    )
    assert ended.code == 0, ended.out
    subject = json.loads((page / "report.json").read_text())["subjects"][0]
    assert subject["claims"] == {"scheme": "meta_bn", "modifiers": ["unbiased"], "inferred": True}


def test_the_law_holds_for_a_sound_layer_and_fails_for_one_that_sees_places(page: Path) -> None:
    spec = importlib.util.spec_from_file_location("mylaws", page / "mylaws.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    law: Law = module.LAWS[0]
    (page / "places.py").write_text(
        "import torch\nclass Places(torch.nn.InstanceNorm2d):\n"
        "    def forward(self, x):\n        return super().forward(x) + torch.arange(x.shape[-1])\n"
    )
    task = Plan(context=3, targets=2, channels=2, spatial=(3, 3), profile="normal").build()
    endings = [
        evaluate(law, SubjectProber(resolve(SubjectRecipe(spec)).subject), task).ending
        for spec in ("torch.nn:InstanceNorm2d", "places.py:Places")
    ]
    assert endings == ["held", "violated"]
