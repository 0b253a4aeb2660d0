"""Bad input: exit 2 and exactly one line on stderr that says what to change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import handmade
import pytest

if TYPE_CHECKING:
    from command_line import Engine, Terminal

LAYER = "torch.nn:InstanceNorm2d"
NEAREST = "a_target_ignores_the_other_targets"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["veriy"], "unknown command 'veriy': did you mean 'verify'?"),
        (["verify", "--profil", "quick"], "No such option '--profil'. Did you mean '--profile'?"),
        (["verify", "--seed", "one"], "Invalid value for '--seed': 'one' is not a valid integer."),
        (["verify", LAYER, "--handle", "scale"],
         "--handle scale: write HANDLE=ATTRIBUTE, for example scale=a"),
        (["verify", LAYER, "--handle", "scal=a"],
         "unknown handle 'scal': did you mean 'scale'?"),
        (["verify", LAYER, "--claims", "meta_bm"],
         "unknown scheme 'meta_bm': did you mean 'meta_bn'?"),
        (["verify", LAYER, "--claims", "meta_bn,biasd"],
         "unknown modifier 'biasd': did you mean 'biased'?"),
        (["verify", LAYER, "--adapter", "frozn"],
         "unknown adapter 'frozn': did you mean 'frozen'?"),
        (["verify", LAYER, "--profile", "quik"], "unknown profile 'quik': did you mean 'quick'?"),
        (["verify", LAYER, "--only", "a_target_ignores_other_targets"],
         f"unknown law or family 'a_target_ignores_other_targets': did you mean {NEAREST!r}?"),
        (["verify", LAYER, "--skip", "state,transductivty"],
         "unknown law or family 'transductivty': did you mean 'transductivity'?"),
        (["verify", LAYER, "--device", "tpu"], "--device tpu: known: cpu, cuda"),
        (["verify", LAYER, "--jobs", "0"],
         "--jobs 0: write a number of processes, at least 1, or auto"),
        (["power", "--jobs", "0"], "--jobs 0: write a number of processes, at least 1, or auto"),
        (["verify", LAYER, "--jobs", "all"],
         "--jobs all: write a number of processes, at least 1, or auto"),
        (["verify", LAYER, "--waivers", "none.toml"], "none.toml: No such file or directory"),
        (["verify", "--claims", "meta_bn"],
         "--claims says how a layer is to be verified: name the layer too"),
        (["list", "lows"], "unknown list 'lows': did you mean 'laws'?"),
        (["explain", "a_target_ignores_other_targets"],
         f"unknown law 'a_target_ignores_other_targets': did you mean {NEAREST!r}?"),
        (["explain"], "Missing argument 'LAW'."),
    ],
)  # fmt: skip
def test_one_line_says_what_is_wrong(
    tnverify: Terminal, engine: Engine, arguments: list[str], complaint: str
) -> None:
    ended = tnverify(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.complaint == complaint
    assert engine.options is None


@pytest.mark.parametrize(
    ("option", "path"),
    [
        ("--json", "none/report.json"),
        ("--json", "."),
        ("--report", "html:none/page.html"),
        ("--report", "htm:page.html"),
        ("--out", "/proc/none"),
    ],
)
def test_paths_are_tried_before_the_run(
    tnverify: Terminal, engine: Engine, option: str, path: str
) -> None:
    ended = tnverify("verify", LAYER, option, path)
    assert (ended.code, ended.out) == (2, "")
    assert f"{option} {path}" in ended.complaint
    assert engine.options is None


def test_an_unusable_layer_is_one_line_and_the_json_still_written(
    tnverify: Terminal, engine: Engine
) -> None:
    engine.answer = handmade.run_of(handmade.unusable())
    ended = tnverify("verify", "nowhere:Layer", "--json", "report.json")
    assert (ended.code, ended.out) == (2, "")
    assert ended.complaint == (
        "nowhere:Layer: nowhere does not import: ModuleNotFoundError: No module named 'nowhere'"
    )
    assert '"verdict": "unusable"' in Path("report.json").read_text()


def test_results_of_the_other_layers_are_kept(tnverify: Terminal, engine: Engine) -> None:
    engine.answer = handmade.run_of(handmade.unusable(), handmade.conforming())
    ended = tnverify("verify", "nowhere:Layer", "tnverify.norms:MetaBN")
    assert ended.code == 2
    assert ended.complaint.startswith("nowhere:Layer: nowhere does not import")
    assert "tnverify.norms:MetaBN" in ended.out
    assert "conforms" in ended.out
