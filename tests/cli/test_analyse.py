"""`tnverify analyse` and `tnverify report`: what they refuse, write, keep and say."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import drawn_folder
import pytest
from made_up_reports import lay_out

from tnverify.analyses.programs.request import SIZES, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command_line import Terminal


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root: Path = tmp_path_factory.mktemp("drawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawn_folder, "IMAGES", 16)  # enough for ten targets a class
        drawn_folder.write_drawn_folder(root / "images")
        patch.setenv("TNVERIFY_CACHE", str(root / "cache"))
        yield f"folder:{root / 'images'}"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["analyse", "acuracy"], "unknown analysis 'acuracy': did you mean 'accuracy'?"),
        (["analyse"], "Missing argument 'NAME'."),
        (["analyse", "accuracy", "--learner", "mmal"],
         "unknown learner 'mmal': did you mean 'maml'?"),
        (["analyse", "accuracy", "--data", "glyps"], ("--data glyps: unknown data 'glyps': glyphs,"
         " omniglot:PATH, miniimagenet:PATH, meta-dataset:PATH or folder:PATH")),
        (["analyse", "accuracy", "--data", "DATA", "--schemes", "meta_bm"],
         "unknown scheme 'meta_bm': did you mean 'meta_bn'?"),
        (["analyse", "accuracy", "--data", "DATA", "--style", "tsak"],
         "unknown style 'tsak': did you mean 'task'?"),
        (["analyse", "accuracy", "--logs", "/proc/none"],
         "--logs /proc/none: No such file or directory (/proc/none)"),
        (["analyse", "accuracy", "--data", "DATA", "--device", "tpu"],
         "--device tpu: known: cpu, cuda"),
        (["analyse", "accuracy", "--data", "DATA", "--engine", "loca"],
         "unknown engine 'loca': pass local, dask:ADDRESS or ray:ADDRESS"),
        (["analyse", "accuracy", "--data", "DATA", "--schemes", "baseline"],
         "accuracy has no run with these schemes and learners: leave one of them out"),
        (["analyse", "accuracy", "--out", "/proc/none"],
         "--out /proc/none: No such file or directory (/proc/none)"),
        (["report"], "Missing argument 'DIR...'."),
        (["report", "none"], "none is no folder"),
        (["report", "."], (". holds no analysis (analysis.json): name what --out named when one"
         " was run")),
        (["report", ".", "."], "several folders become one report: say where it goes with --out"),
    ],
)  # fmt: skip
def test_one_line_says_what_is_wrong(
    tnverify: Terminal, data: str, arguments: list[str], complaint: str
) -> None:
    ended = tnverify(*(data if word == "DATA" else word for word in arguments))
    assert (ended.code, ended.out) == (2, "")
    assert ended.complaint == complaint


def test_a_folder_with_too_few_images_is_the_users(
    tnverify: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn_folder, "IMAGES", 3)
    monkeypatch.setattr(drawn_folder, "CLASSES", {"train": 3, "validation": 2, "test": 3})
    monkeypatch.setenv("TNVERIFY_CACHE", str(tmp_path / "cache"))
    drawn_folder.write_drawn_folder(tmp_path / "few")
    ended = tnverify("analyse", "accuracy", "--smoke", "--data", f"folder:{tmp_path / 'few'}")
    assert ended.code == 2
    folder = tmp_path / "few"
    assert f"error: --data folder:{folder}: few, train: " in ended.err
    assert "bug" not in ended.err


@pytest.mark.parametrize("command", [["analyse", "accuracy"], ["report", "."]])
def test_a_missing_extra_is_one_line(
    tnverify: Terminal, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr("tnverify.cli.analyse.NEEDED", ("matplotlib", "no_such_package"))
    ended = tnverify(*command)
    assert ended.code == 2
    assert ended.complaint == (
        "analyses need no_such_package, which is not installed: pip install '.[analyses]' in a"
        " clone"
    )


def test_logs_without_tensorboard_are_one_line(
    tnverify: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "tensorboard" else find(name)
    )
    ended = tnverify("analyse", "accuracy", "--logs", "logs")
    assert ended.code == 2
    assert ended.complaint == (
        "--logs needs tensorboard, which is not installed: pip install '.[tensorboard]' in a clone"
    )


def test_the_command_itself_loads_no_analysis() -> None:
    program = (
        "import sys; from tnverify.cli import run; run(['analyse', '--help']);"
        "print([m for m in ('torch', 'matplotlib', 'pandas', 'tnverify.analyses') "
        "if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines()[-1] == "[]"


def test_ctrl_c_says_how_to_go_on(
    tnverify: Terminal, data: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tnverify.analyses.programs.carrying_out.run_sweep", stopped)
    ended = tnverify("analyse", "accuracy", "--smoke", "--data", data, "--out", "kept")
    assert (ended.code, ended.out) == (130, "")
    assert "the same command goes on from there" in ended.complaint
    assert "`tnverify report kept`" in ended.complaint
    # A page can be made of it at once.
    assert tnverify("report", "kept").code == 2
    assert (tmp_path / "kept" / "accuracy" / "report.html").is_file()


def test_a_report_is_made_again_and_what_lacks_is_told(
    tnverify: Terminal, data: str, tmp_path: Path
) -> None:
    request = Request(replace(SIZES["smoke"], resamples=50), data=data, seeds=1)
    lay_out("context_size", request, tmp_path / "whole")
    ended = tnverify("report", "whole")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "whole/context_size/report.html: 10 runs\n"
    # The folder of one analysis serves as well as that of all.
    assert tnverify("report", "whole/context_size").out == ended.out
    lay_out("context_size", request, tmp_path / "part", every=2)
    ended = tnverify("report", "part", "--out", "elsewhere")
    assert ended.code == 3
    assert ended.out == "elsewhere/context_size/report.html: 5 runs, 5 missing\n"


def test_a_plan_says_what_it_takes_and_trains_nothing(
    tnverify: Terminal, data: str, tmp_path: Path
) -> None:
    asked = ["analyse", "accuracy", "--smoke", "--data", data, "--learner", "protonets",
             "--schemes", "tasknorm_i", "--out", "out", "--plan"]  # fmt: skip
    one, two = (tnverify(*asked, "--seeds", seeds) for seeds in ("1", "2"))
    assert one.code == two.code == 0
    assert one.out.splitlines()[0] == "accuracy, smoke: 2 runs, 0 recorded, 2 to do"
    assert two.out.splitlines()[0] == "accuracy, smoke: 3 runs, 0 recorded, 3 to do"
    assert re.search(
        r"^About \d+ s of one processor, \d+ s on 2, and 1 MB in out", one.out, re.MULTILINE
    )
    assert "Nothing was trained." in one.out
    assert not (tmp_path / "out").exists()


def test_a_plan_of_nothing_is_one_line(tnverify: Terminal, data: str) -> None:
    ended = tnverify("analyse", "alpha_curves", "--smoke", "--data", data, "--schemes", "meta_bn",
                     "--plan")  # fmt: skip
    assert (ended.code, ended.out) == (2, "")
    assert "has no run with these schemes and learners" in ended.complaint


def test_an_analysis_trains_reports_and_is_not_trained_again(
    tnverify: Terminal, data: str, tmp_path: Path
) -> None:
    command = ["analyse", "transduction", "--smoke", "--data", data, "--learner", "protonets",
               "--schemes", "tasknorm_i,transductive_bn", "--seeds", "1", "--workers", "1",
               "--style", "image", "--logs", "logs", "--out", "out"]  # fmt: skip
    ended = tnverify(*command)
    assert (ended.code, ended.out) == (0, "out/transduction/report.html: 2 runs\n")
    page = (tmp_path / "out" / "transduction" / "report.html").read_text()
    assert "A smoke test" in page
    assert "of each image by itself" in page
    logs = sorted(path.name.rpartition("-")[0] for path in (tmp_path / "logs").iterdir())
    assert logs == ["protonets-tasknorm_i-seed0", "protonets-transductive_bn-seed0"]
    records = sorted((tmp_path / "out" / "records").glob("*.json"))
    times = [path.stat().st_mtime_ns for path in records]
    assert len(records) == 2
    assert tnverify(*command).code == 0
    assert [path.stat().st_mtime_ns for path in records] == times
    asked = json.loads((tmp_path / "out" / "transduction" / "analysis.json").read_text())
    assert sorted(asked["records"]) == [path.stem for path in records]
    told = tnverify(*command, "--plan").out
    assert told.startswith("transduction, smoke: 2 runs, 2 recorded, 0 to do\n")
    assert "About" not in told
    assert told.endswith("All of it is recorded: without --plan the command makes the page.\n")
