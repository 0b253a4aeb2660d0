"""What the wheel installs, and where."""

from __future__ import annotations

import configparser
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> dict[str, str]:
    """The texts of the wheel's dist-info folder, by file name."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name.split("/", 1)[1]: archive.read(name).decode()
            for name in archive.namelist()
            if ".dist-info/" in name
        }


def test_only_tnverify_becomes_an_import_name(names: list[str]) -> None:
    top = {name.split("/", 1)[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"tnverify"}


@pytest.mark.parametrize("folder", ["tnverify", "properties", "analyses"])
def test_every_module_of_the_checkout_is_in_the_wheel(folder: str, names: list[str]) -> None:
    prefix = "" if folder == "tnverify" else "tnverify/"
    modules = [prefix + path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py")]
    assert modules
    assert set(modules) <= set(names)


@pytest.mark.parametrize(
    "name",
    [
        "tnverify/py.typed",
        "tnverify/doors/project.schema.json",
        "tnverify/report/report.schema.json",
        "tnverify/power/power.schema.json",
        "tnverify/power/mutants.schema.json",
    ],
)
def test_files_that_are_no_modules_are_in_the_wheel(name: str, names: list[str]) -> None:
    assert name in names


def test_the_licence_is_in_the_wheel(metadata: dict[str, str]) -> None:
    licence = metadata["licenses/tnverify/LICENSE"]
    assert licence.startswith("MIT License")
    assert "The tnverify authors" in licence
    assert "License-Expression: MIT" in metadata["METADATA"]


def test_the_entry_points_are_announced(metadata: dict[str, str]) -> None:
    entries = configparser.ConfigParser()
    entries.read_string(metadata["entry_points.txt"])
    assert dict(entries["console_scripts"]) == {"tnverify": "tnverify.cli:main"}
    assert dict(entries["pytest11"]) == {"tnverify": "tnverify.pytest_plugin"}
    assert dict(entries["tnverify.catalogue"]) == {"builtin": "tnverify.properties"}


def test_the_core_stays_light(metadata: dict[str, str]) -> None:
    required = [
        line.removeprefix("Requires-Dist: ")
        for line in metadata["METADATA"].splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    ]
    assert {name.split(">=")[0] for name in required} == {
        "torch", "hypothesis", "numpy", "click", "rich", "msgspec", "jinja2", "junitparser",
        "tomlkit",
    }  # fmt: skip
