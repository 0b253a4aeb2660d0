"""Waivers: read strictly, replayed first."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from tnverify.catalogue import CatalogueError, load_catalogue
from tnverify.engine.run import RunOptions, verify
from tnverify.engine.waivers import WaiverError, read_waivers
from tnverify.subjects import SubjectRecipe

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
    report = verify([SubjectRecipe(BATCH)], only(path, BATCH)).subjects[0]
    assert report.verdict_of(LAW).outcome == "waived"
    assert report.verdict_of(LAW).examples == 1


def test_a_waiver_whose_law_holds_on_the_witness_is_stale_and_fails(tmp_path: Path) -> None:
    path = written(tmp_path, f'[[waivers]]\nlaw = "{LAW}"\nreason = "known"\n{WITNESS}')
    run = verify([SubjectRecipe("torch.nn:InstanceNorm2d")], only(path, ""))
    assert run.subjects[0].verdict_of(LAW).outcome == "stale_waiver"
    assert run.exit_code == 1


@pytest.mark.parametrize(
    "line",
    ['subject = "torch.nn:GroupNorm(2, channels)"', "expires = 2020-01-31"],
    ids=["of another subject", "expired"],
)
def test_a_waiver_that_does_not_apply_waives_nothing(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, f'[[waivers]]\nlaw = "{LAW}"\nreason = "known"\n{line}\n{WITNESS}')
    report = verify([SubjectRecipe(BATCH)], only(path, BATCH)).subjects[0]
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
        ("waivers = [1]", r": waiver 1: must be a table with law, reason and witness$"),
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


def test_a_witness_that_is_missing_says_where_to_find_one(tmp_path: Path) -> None:
    first = f'[[waivers]]\nlaw = "{LAW}"\nreason = "known"\n{WITNESS}'
    path = written(tmp_path, f'{first}[[waivers]]\nlaw = "{LAW}"\nreason = "x"\n')
    with pytest.raises(WaiverError) as raised:
        read_waivers(path, load_catalogue())
    assert str(raised.value) == (
        f"{path}: waiver 2: witness is missing: the smallest failing task, as the JSON report's"
        " counterexample or the .json file beside the reproducer gives it (plan, context, target)"
    )


@pytest.mark.parametrize("key", ["plan", "context", "target"])
def test_a_witness_without_one_of_its_parts_is_refused(tmp_path: Path, key: str) -> None:
    lacking = WITNESS.replace(f"{key} = ", f"no_{key} = ", 1)
    path = written(tmp_path, f'[[waivers]]\nlaw = "{LAW}"\nreason = "x"\n{lacking}')
    with pytest.raises(WaiverError, match="witness is missing"):
        read_waivers(path, load_catalogue())


def test_a_witness_is_read_from_a_file_beside_the_waivers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In UTF-8, as JSON is, whatever the system reads."""
    read_text = Path.read_text

    def on_latin(path: Path, encoding: str | None = None) -> str:
        return read_text(path, encoding=encoding or "latin-1")

    monkeypatch.setattr(Path, "read_text", on_latin)
    witness = {"plan": {}, "context": [], "target": [], "of": "Dvořák"}
    text = json.dumps(witness, ensure_ascii=False)
    (tmp_path / "witness.json").write_text(text, encoding="utf-8")
    path = tmp_path / "waivers.toml"
    table = f'[[waivers]]\nlaw = "{LAW}"\nreason = "Dvořák"\nwitness = "witness.json"\n'
    path.write_text(table, encoding="utf-8")
    (waiver,) = read_waivers(path, load_catalogue())
    assert waiver.reason == "Dvořák"
    assert waiver.witness == witness


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "witness lost.json: [Errno 2] No such file or directory"),
        ("{", "witness lost.json: Expecting property name"),
        ("[]", "witness is missing"),
    ],
)
def test_a_witness_file_that_is_none_is_one_line(
    tmp_path: Path, content: str | None, says: str
) -> None:
    if content is not None:
        (tmp_path / "lost.json").write_text(content)
    path = written(tmp_path, f'[[waivers]]\nlaw = "{LAW}"\nreason = "x"\nwitness = "lost.json"\n')
    with pytest.raises(WaiverError) as raised:
        read_waivers(path, load_catalogue())
    assert str(raised.value).startswith(f"{path}: waiver 1: {says}")


def test_all_that_a_waiver_says_is_read(tmp_path: Path) -> None:
    body = 'reason = "known"\nsubject = "m:L"\nexpires = 2031-02-28\n'
    path = written(tmp_path, f'[[waivers]]\nlaw = "{LAW}"\n{body}{WITNESS}')
    (waiver,) = read_waivers(path, load_catalogue())
    assert (waiver.law, waiver.reason, waiver.subject) == (LAW, "known", "m:L")
    assert waiver.expires == dt.date(2031, 2, 28)
    assert waiver.witness["target"] == [[[[0.0]]], [[[1.0]]]]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('law = " "\nreason = "x"', "law is missing"),
        (f'law = "{LAW}"\nreason = 3', "reason is missing"),
        (
            f'law = "{LAW}"\nreason = "x"\nexpires = 2031-02-28T00:00:00',
            "expires must be a date such as 2027-01-31, not datetime.datetime(2031, 2, 28, 0, 0)",
        ),
        (
            f'law = "{LAW}"\nreason = "x"\nwhy = 1\nbecause = 2',
            "unknown key 'because': law, reason, witness, subject, expires",
        ),
    ],
)
def test_what_is_wrong_with_a_waiver_is_one_line(tmp_path: Path, line: str, says: str) -> None:
    path = written(tmp_path, f"[[waivers]]\n{line}\n{WITNESS}")
    with pytest.raises(WaiverError) as raised:
        read_waivers(path, load_catalogue())
    assert str(raised.value) == f"{path}: waiver 1: {says}"


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(WaiverError) as raised:
        read_waivers(tmp_path / "none.toml", load_catalogue())
    assert str(raised.value) == f"{tmp_path}/none.toml: No such file or directory"
    path = tmp_path / "latin.toml"
    path.write_bytes("reason = 'Dvo\xe1k'".encode("latin-1"))
    with pytest.raises(WaiverError, match=f"^{path}: 'utf-8' codec can't decode"):
        read_waivers(path, load_catalogue())


def test_without_waivers_there_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_waivers(None, load_catalogue()) == ()
    for body in ("", "[tool]", "[tool.tnverify]\nwaivers = []", "waivers = []"):
        (tmp_path / "pyproject.toml").write_text(body)
        assert read_waivers(None, load_catalogue()) == ()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("waivers = 1", "waivers must be a list of tables"),
        ("tool = 1", "waivers must be a list of tables"),
        ("[tool]\ntnverify = 3", "waivers must be a list of tables"),
        ('[[waivers]]\nlaw = "l"\nreason = "r"\nsubject = 3', "subject must be a SPEC, not 3"),
    ],
)
def test_tables_of_the_wrong_form_are_one_line(tmp_path: Path, body: str, says: str) -> None:
    path = written(tmp_path, body)
    with pytest.raises(WaiverError, match=says) as raised:
        read_waivers(path, load_catalogue())
    assert str(path) in str(raised.value)


def test_a_witness_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.json").write_bytes(b"\xff\xfe\xff")
    path = written(tmp_path, f'[[waivers]]\nlaw = "{LAW}"\nreason = "r"\nwitness = "w.json"')
    with pytest.raises(WaiverError, match=r"waiver 1: witness w\.json: "):
        read_waivers(path, load_catalogue())
