"""`tnverify verify` without a SPEC in a project with `[tool.tnverify]`, and `--installed`."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest

from tnverify.doors.project import schema

if TYPE_CHECKING:
    from command_line import Engine, Terminal

WHOLE = """
[tool.tnverify]
profile = "quick"
seed = 7
only = ["transductivity"]
jobs = 3
out = "programs"
reports = ["json:found.json"]
[[tool.tnverify.subjects]]
spec = "torch.nn:Identity"

[[tool.tnverify.subjects]]
spec = "torch.nn:GroupNorm(2, channels)"
claims = "group_norm"
adapter = "no_context"
handles = { weight = "weight" }
min-items = 4
shape = [8, 4, 5, 5]
"""


def project(text: str) -> None:
    Path("pyproject.toml").write_text(text)


def test_its_subjects_are_verified_as_it_says(tnverify: Terminal, engine: Engine) -> None:
    project(WHOLE)
    assert tnverify("verify").code == 0
    first, second = engine.requests
    assert (first.spec, first.claims) == ("torch.nn:Identity", None)
    assert (second.claims, second.adapter) == ("group_norm", "no_context")
    assert second.handles == {"weight": "weight"}
    assert (second.limits.min_items, second.limits.spatial) == (4, (5, 5))
    options = engine.options
    assert options is not None
    assert (options.profile, options.seed, options.only) == ("quick", 7, ("transductivity",))
    assert (options.jobs, options.out) == (3, Path("programs"))
    assert json.loads(Path("found.json").read_text())["subjects"]


def test_the_command_line_outweighs_it(tnverify: Terminal, engine: Engine) -> None:
    project(WHOLE)
    tnverify("verify", "--profile", "thorough", "--seed", "1", "--report", "json:mine.json")
    options = engine.options
    assert options is not None
    assert (options.profile, options.seed, options.jobs) == ("thorough", 1, 3)
    assert (Path("mine.json").is_file(), Path("found.json").is_file()) == (True, False)


def test_a_spec_is_verified_without_it(tnverify: Terminal, engine: Engine) -> None:
    project(WHOLE)
    tnverify("verify", "a:B")
    assert [request.spec for request in engine.requests] == ["a:B"]
    assert engine.options is not None
    assert engine.options.profile == "default"


@pytest.mark.parametrize("text", ["", "[tool.other]\n", "[tool.tnverify]\nprofile = 'quick'\n"])
def test_a_project_that_names_no_subject_verifies_the_defaults(
    tnverify: Terminal, engine: Engine, text: str
) -> None:
    project(text)
    tnverify("verify")
    assert "tnverify.norms:MetaBN" in [request.spec for request in engine.requests]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("subject = []", "tool.tnverify has no 'subject': did you mean 'subjects'?"),
        ("subjects = 'a:B'", "tool.tnverify.subjects: Expected `array`, got `str`"),
        ("subjects = [3]", "tool.tnverify.subjects[0]: Expected `str | object`, got `int`"),
        (
            "subjects = [{spec = 'a:B', claim = 'none'}]",
            "tool.tnverify.subjects[0] has no 'claim': did you mean 'claims'?",
        ),
        (
            "subjects = [{claims = 'none'}]",
            "tool.tnverify.subjects[0]: Object missing required field `spec`",
        ),
        (
            "subjects = ['a:B', {spec = 'c:D', claims = 'nnoe'}]",
            "tool.tnverify.subjects[1]: unknown scheme 'nnoe': did you mean 'none'?",
        ),
        (
            "subjects = [{spec = 'c:D', handles = {scael = 'a'}}]",
            "tool.tnverify.subjects[0]: unknown handle 'scael': did you mean 'scale'?",
        ),
        (
            "subjects = [{spec = 'c:D', channels = 0}]",
            "tool.tnverify.subjects[0]: --channels 0: it must be a number from 1 up",
        ),
        ("subjects = ['a:B', 'a:B']", "tool.tnverify.subjects[1]: two subjects are called 'a:B'"),
        ("subjects = ['a:B']\njobs = 0", "tool.tnverify.jobs: Expected `int` >= 1"),
    ],
)
def test_what_is_wrong_in_it_is_one_line_with_the_key(
    tnverify: Terminal, engine: Engine, text: str, complaint: str
) -> None:
    project(f"[tool.tnverify]\n{text}\n")
    ended = tnverify("verify")
    assert ended.code == 2
    assert ended.complaint == f"pyproject.toml: {complaint}"
    assert not engine.requests


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("profile = 'quik'", "unknown profile 'quik': did you mean 'quick'?"),
        ("reports = ['jsn:a']", "unknown form 'jsn'"),
        ("out = '/proc/none'", "--out /proc/none: "),
    ],
)
def test_its_words_are_checked_as_those_of_the_command_line(
    tnverify: Terminal, engine: Engine, text: str, complaint: str
) -> None:
    project(f"[tool.tnverify]\nsubjects = ['a:B']\n{text}\n")
    ended = tnverify("verify")
    assert ended.code == 2
    assert complaint in ended.complaint
    assert not engine.requests


def test_the_schema_that_ships_is_that_of_what_is_read() -> None:
    shipped = json.loads(files("tnverify.doors").joinpath("project.schema.json").read_text("utf-8"))
    assert shipped == schema()
    jsonschema.validate({"subjects": ["a:B", {"spec": "c:D", "min-items": 2}]}, shipped)
    with pytest.raises(jsonschema.ValidationError, match="claim"):
        jsonschema.validate({"subjects": [{"spec": "c:D", "claim": "none"}]}, shipped)


def announce(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package that announces its layers, in this process alone."""
    info = Path("site/norms_of_theirs-1.0.dist-info")
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: norms-of-theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tnverify.subjects]\ntheirs = {value}\n")
    Path("site/norms_of_theirs.py").write_text(
        "import torch\nclass Norm(torch.nn.Identity): pass\n"
        "LAYERS = ['norms_of_theirs:Norm', {'spec': 'torch.nn:Identity', 'claims': 'none'}]\n"
        "WRONG = [{'sepc': 'a:B'}]\n"
    )
    monkeypatch.syspath_prepend("site")


def test_what_installed_packages_announce_is_verified(
    tnverify: Terminal, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce("norms_of_theirs:LAYERS", monkeypatch)
    assert tnverify("verify", "--installed").code == 0
    assert [(r.spec, r.claims) for r in engine.requests] == [
        ("norms_of_theirs:Norm", None), ("torch.nn:Identity", "none"),
    ]  # fmt: skip


def test_an_entry_point_may_be_the_layer_itself(
    tnverify: Terminal, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce("norms_of_theirs:Norm", monkeypatch)
    tnverify("verify", "--installed")
    assert [request.spec for request in engine.requests] == ["norms_of_theirs:Norm"]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (None, "--installed: no package that is installed announces layers (tnverify.subjects)"),
        (
            "norms_of_theirs:Nrom",
            "the entry point theirs (norms_of_theirs:Nrom): AttributeError: ",
        ),
        (
            "norms_of_theirs:WRONG",
            "the entry point theirs (norms_of_theirs:WRONG)[0] has no 'sepc': did you mean 'spec'?",
        ),
    ],
)
def test_what_is_announced_amiss_is_one_line(
    tnverify: Terminal,
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
    complaint: str,
) -> None:
    if value is not None:
        announce(value, monkeypatch)
    ended = tnverify("verify", "--installed")
    assert ended.code == 2
    assert ended.complaint.startswith(complaint)
    assert not engine.requests


def test_specs_beside_installed_are_refused(tnverify: Terminal, engine: Engine) -> None:
    ended = tnverify("verify", "a:B", "--installed")
    assert ended.complaint == "--installed verifies what packages announce: name no SPEC beside it"
