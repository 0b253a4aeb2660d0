"""Waivers: read strictly, replayed first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tnverify.catalogue import CatalogueError, load_catalogue
from tnverify.engine.run import RunOptions, verify
from tnverify.engine.waivers import WaiverError, read_waivers
from tnverify.subjects import SubjectRequest

if TYPE_CHECKING:
    from pathlib import Path

LAW = "a_target_ignores_the_other_targets"
BATCH = "torch.nn:BatchNorm2d(channels, track_running_stats=False)"
WITNESS = """witness = { plan = { lane = "float64", weight = [1.0], bias = [0.0], scale = 0.0,
    offset = 0.0, salt = 0, past = [] }, context = [[[[0.0]]], [[[1.0]]]],
    target = [[[[0.0]]], [[[1.0]]]] }
""".replace("\n    ", " ")


def written(tmp_path: Path, body: str) -> Path:
    path = tmp_path / "waivers.toml"
    path.write_text(body)
    return path


def only(path: Path, spec: str) -> RunOptions:
    return RunOptions(profile="quick", only=(LAW,), out=None, waivers=path)


def test_a_waived_law_is_replayed_on_its_witness_alone(tmp_path: Path) -> None:
    path = written(tmp_path, f'[[waivers]]\nlaw = "{LAW}"\nreason = "known"\n{WITNESS}')
    report = verify([SubjectRequest(BATCH)], only(path, BATCH)).subjects[0]
    assert report.verdict_of(LAW).outcome == "waived"
    assert report.verdict_of(LAW).examples == 1


def test_a_waiver_whose_law_holds_on_the_witness_is_stale_and_fails(tmp_path: Path) -> None:
    path = written(tmp_path, f'[[waivers]]\nlaw = "{LAW}"\nreason = "known"\n{WITNESS}')
    run = verify([SubjectRequest("torch.nn:InstanceNorm2d")], only(path, ""))
    assert run.subjects[0].verdict_of(LAW).outcome == "stale_waiver"
    assert run.exit_code == 1


@pytest.mark.parametrize(
    "line",
    ['subject = "torch.nn:GroupNorm(2, channels)"', "expires = 2020-01-31"],
    ids=["of another subject", "expired"],
)
def test_a_waiver_that_does_not_apply_waives_nothing(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, f'[[waivers]]\nlaw = "{LAW}"\nreason = "known"\n{line}\n{WITNESS}')
    report = verify([SubjectRequest(BATCH)], only(path, BATCH)).subjects[0]
    assert report.verdict_of(LAW).outcome == "violated"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ('[[waivers]]\nlaw = "x"', "reason is missing"),
        ('[[waivers]]\nreason = "x"', "law is missing"),
        (f'[[waivers]]\nlaw = "{LAW}"\nreason = "x"', "witness is missing"),
        (f'[[waivers]]\nlaw = "{LAW}"\nreason = "x"\nwhy = "y"\n{WITNESS}', "unknown key 'why'"),
        (
            f'[[waivers]]\nlaw = "{LAW}"\nreason = "x"\nexpires = "soon"\n{WITNESS}',
            "must be a date",
        ),
        (f'[[waivers]]\nlaw = "{LAW}"\nreason = "x"\nwitness = "no.json"', "no.json"),
        ("waivers = [", "Invalid value"),
    ],
)
def test_a_waivers_file_that_says_too_little_is_refused(
    tmp_path: Path, body: str, says: str
) -> None:
    with pytest.raises(WaiverError, match=says):
        read_waivers(written(tmp_path, body), load_catalogue())


def test_a_waiver_of_a_law_that_is_none_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f'[[waivers]]\nlaw = "a_target"\nreason = "x"\n{WITNESS}')
    with pytest.raises(CatalogueError, match="unknown law 'a_target'"):
        read_waivers(path, load_catalogue())


def test_waivers_are_found_in_the_project_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text(
        f'[[tool.tnverify.waivers]]\nlaw = "{LAW}"\nreason = "known"\n{WITNESS}'
    )
    monkeypatch.chdir(tmp_path)
    assert [w.reason for w in read_waivers(None, load_catalogue())] == ["known"]
