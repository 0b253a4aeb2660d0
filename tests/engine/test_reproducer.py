"""Reproducers: what stands in the program, where it is written, and how it is run again."""

from __future__ import annotations

import re
import runpy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from makeshift import law_of, subject

import tnverify
from tnverify import reproduce
from tnverify.engine import reproducer
from tnverify.engine.reproducer import program, run_programs, write_program
from tnverify.engine.results import Counterexample
from tnverify.faults.plain import PlainNorm
from tnverify.subjects import SubjectRecipe
from tnverify.subjects.rebuilding import with_found

if TYPE_CHECKING:
    from tnverify.contract import Prober, Task


def sums_are_kept(norm: Prober, task: Task) -> None:
    """The sum of the outputs is the sum of the inputs.

    Nobody reads this line in a program.
    """


LAW = law_of(sums_are_kept)
REQUEST = SubjectRecipe("torch.nn:LayerNorm(4)", handles={"scale": "b", "eps": "a"}, setup="begin")
SMALL = Counterexample(
    plan={
        "lane": "float64",
        "drawn": {"seed": 5},
        "weight": [0.30000000000000004, 0.6000000000000001, 0.8999999999999999],
        "bias": [],
        "past": [],
    },
    context=[[[0.1, 0.2]], [["NaN", 1.0]]],
    targets=[[[-0.0, 3.0]]],
    calls=("layer 1: condition [0] -> [1]", "layer 1: normalize [2] -> [3]"),
)


def text_of(example: Counterexample, request: SubjectRecipe = REQUEST) -> str:
    layer = replace(subject(PlainNorm, "meta_bn,unbiased"), eps=0.125)
    return program(LAW, with_found(request, layer), example, seed=31)


TEXT = f'''\
"""sums_are_kept fails for torch.nn:LayerNorm(4)

The sum of the outputs is the sum of the inputs.

What the law asked, and what came:
    layer 1: condition [0] -> [1]
    layer 1: normalize [2] -> [3]

Written by tnverify {tnverify.__version__} (seed 31). Run it with Python; it needs torch and tnverify.
It ends with what was expected and what came, or with nothing once the layer is right.
"""

from tnverify.reproduce import check

check(
    law='sums_are_kept',
    # How the layer is built and called, as it was given and as it was found.
    subject={{'spec': 'torch.nn:LayerNorm(4)',
     'handles': {{'scale': 'b', 'eps': 'a'}},
     'setup': 'begin',
     'found': {{'adapter': 'explicit_state',
               'claims': 'meta_bn,unbiased',
               'handles': {{'bias': 'bias', 'eps': 'eps', 'weight': 'weight'}},
               'rank': 2,
               'channel_step': 1,
               'one_width': False,
               'one_shape': None,
               'dtype': 'float32',
               'has_float64': True,
               'eps': 0.125,
               'eps_of_dtype': False,
               'lazy': False,
               'unseeded': False,
               'limits': {{}},
               'device': 'cpu'}}}},
    # Files that it names are looked for where this is run, then beside this file and above it.
    beside=__file__,
    # What belongs to the task beside its values: the layer's parameters, earlier tasks of
    # meta-training, and the salt from which the law makes further values.
    task={{'lane': 'float64',
     'weight': [0.30000000000000004, 0.6000000000000001, 0.8999999999999999],
     'bias': [],
     'past': []}},
    # (items, channels, *spatial)
    context=[[[0.1, 0.2]], [['NaN', 1.0]]],
    target=[[[-0.0, 3.0]]],
)
'''  # noqa: E501 - as the program has it


def test_the_program_reads_well() -> None:
    assert text_of(SMALL) == TEXT


def test_a_program_without_calls_says_nothing_of_them() -> None:
    text = text_of(replace(SMALL, calls=()))
    assert "of the inputs.\n\nWritten by" in text


def given_by(text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the program calls `check` with."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(reproduce, "check", lambda **given: calls.append(given))
    runpy.run_path(str(write_program(text, tmp_path, REQUEST, LAW)))
    (given,) = calls
    return given


def test_the_program_hands_over_what_was_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = given_by(text_of(SMALL), monkeypatch, tmp_path)
    assert (given["context"], given["target"]) == (SMALL.context, SMALL.targets)
    assert given["task"] == {k: v for k, v in SMALL.plan.items() if k != "drawn"}


def test_a_task_too_large_to_write_out_goes_as_the_plan_that_draws_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    large = replace(SMALL, plan={"lane": "native", "drawn": {"seed": 5}}, context=[], targets=[])
    given = given_by(text_of(large), monkeypatch, tmp_path)
    assert given["task"] == {"lane": "native", "drawn": {"seed": 5}}
    assert (given["context"], given["target"]) == ([], [])


def test_many_values_are_set_side_by_side_in_narrow_lines() -> None:
    values: list[object] = [round(0.37 * i, 2) for i in range(60)]
    text = text_of(replace(SMALL, context=values))
    lines = text[text.index("    context=") : text.index("    target=")].splitlines()
    # 60 values of at most 7 characters with what separates them.
    assert len(lines) <= 6
    assert max(map(len, lines)) <= len("    context=") + 88
    assert all(line.startswith("     ") for line in lines[1:])


@pytest.mark.parametrize(("width", "lines"), [(88, 1), (89, 2)])
def test_a_line_has_at_most_88_characters(width: int, lines: int) -> None:
    values: list[object] = ["a" * 30, "b" * (width - 38)]
    assert len(str(values)) == width
    text = text_of(replace(SMALL, context=values))
    written = text[text.index("    context=") : text.index("    target=")]
    assert len(written.splitlines()) == lines


@pytest.mark.parametrize(
    ("spec", "portable"),
    [
        ("torch.nn:LayerNorm(4)", "torch.nn:LayerNorm(4)"),
        ("layers.py:Mine", "layers.py:Mine"),
        ("sub/../layers.py:Mine(channels, 2)", "layers.py:Mine(channels, 2)"),
        ("a.py:b/../layers.py:Mine", "layers.py:Mine"),
        ("layers.py:Mine('x/../y.py:z')", "layers.py:Mine('x/../y.py:z')"),
        ("{here}/deep/layers.py:Mine", "deep/layers.py:Mine"),
        ("../layers.py:Mine", "../layers.py:Mine"),
    ],
)
def test_no_program_holds_an_absolute_path(
    spec: str, portable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = spec.format(here=tmp_path)
    recipe = replace(REQUEST, spec=spec, adapter=f"{tmp_path}/mine.py:Adapter")
    text = text_of(SMALL, recipe)
    given = given_by(text, monkeypatch, tmp_path)
    assert given["subject"]["spec"] == portable
    assert given["subject"]["adapter"] == "mine.py:Adapter"
    assert str(tmp_path) not in text.partition("import check")[2]


def test_a_file_is_found_beside_the_program_or_above_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out, elsewhere = tmp_path / "project" / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    out.mkdir(parents=True)
    layers = tmp_path / "project" / "layers.py"
    layers.write_text("")
    recipe = replace(REQUEST, spec="layers.py:Mine(1)")
    monkeypatch.chdir(elsewhere)
    folders = (Path(), *(out / "program.py").parents)
    assert recipe.found_from(folders).spec == f"{layers}:Mine(1)"
    (elsewhere / "layers.py").write_text("")
    assert recipe.found_from(folders).spec == "layers.py:Mine(1)"
    assert replace(REQUEST, spec="gone.py:Mine").found_from(folders).spec == "gone.py:Mine"


def test_a_program_has_a_name_of_its_own_for_each_subject(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    path = write_program("first", folder, REQUEST, LAW)
    assert path == folder / f"{REQUEST.slug}_sums_are_kept.py"
    other = replace(REQUEST, claims="instance_norm")
    assert write_program("second", folder, other, LAW) != path
    assert path.read_text() == "first"
    # What was found since leaves the name as it was.
    found = with_found(REQUEST, subject(PlainNorm))
    assert write_program("third", folder, found, LAW) == path
    for spec in ("a/b.py:Mine('x/y')", "m:" + "x" * 300, "m:Ünï ☃", "m:(lambda)"):
        slug = replace(REQUEST, spec=spec).slug
        assert re.fullmatch(r"[A-Za-z0-9_]{1,40}-[0-9a-f]{6}", slug)


def test_a_program_is_in_utf_8_whatever_the_system_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Python reads its programs so."""
    write_text = Path.write_text

    def on_ascii(path: Path, text: str, encoding: str | None = None) -> int:
        return write_text(path, text, encoding=encoding or "ascii")

    monkeypatch.setattr(Path, "write_text", on_ascii)
    path = write_program("# Dvořák's layer", tmp_path, REQUEST, LAW)
    assert path.read_bytes().decode("utf-8") == "# Dvořák's layer"


FAILING = """
from tnverify.reproduce import check
check(law="a_target_ignores_the_other_targets",
      subject={"spec": "torch.nn:BatchNorm2d(channels, track_running_stats=False)",
      "found": {"claims": "meta_bn", "adapter": "mode_flag"}},
      task={"lane": "float64", "weight": [1.0], "bias": [0.0], "scale": 0.0, "offset": 0.0,
      "salt": 0, "past": []}, context=[[[[0.0]]], [[[1.0]]]],
      target=[[[[0.0]]], [[[1.0]]]])
"""


def test_programs_are_run_as_this_process_would_run_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What this process imports and its environment are there; what they print is no answer."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("A_LAYERS_OWN_VARIABLE", "set")
    (tmp_path / "beside_the_layer.py").write_text("import os\nFOUND = os.environ\n")
    written = []
    for number, text in enumerate(
        (
            FAILING,
            'from beside_the_layer import FOUND\nif FOUND["A_LAYERS_OWN_VARIABLE"]: 1 / 0\n',
            'print("[1, 2, 3]")\n',
        )
    ):
        written.append(tmp_path / f"{number}.py")
        written[-1].write_text(text)
    assert run_programs(written) == ["flow", "error ZeroDivisionError", None]


def test_programs_that_take_too_long_are_not_known_to_fail(tmp_path: Path) -> None:
    path = tmp_path / "slow.py"
    path.write_text("1 / 0")
    assert run_programs([path, path], seconds=0.01) == [None, None]


@pytest.mark.parametrize("ends", ["raise SystemExit(3)", "print('[1')"])
def test_a_process_that_does_not_answer_says_nothing(
    ends: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reproducer, "_RUN_ALL", ends)
    assert run_programs([tmp_path / "one.py", tmp_path / "two.py"]) == [None, None]


def test_without_programs_no_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproducer, "_RUN_ALL", "print('[1]')")
    assert run_programs([]) == []


def test_what_a_program_prints_may_be_no_text(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text("import os, sys\nos.write(1, bytes([255, 254]))\nraise ZeroDivisionError\n")
    assert run_programs([path]) == ["error ZeroDivisionError"]
