"""What the quick commands print."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tnverify import __version__
from tnverify.catalogue import load_catalogue
from tnverify.contract import SCHEMES
from tnverify.subjects.adapters import ADAPTERS

if TYPE_CHECKING:
    from command_line import Terminal


def test_version(tnverify: Terminal) -> None:
    ended = tnverify("--version")
    assert (ended.code, ended.out, ended.err) == (0, f"tnverify {__version__}\n", "")


def test_help_names_every_command(tnverify: Terminal) -> None:
    ended = tnverify("--help")
    assert ended.code == 0
    for command in ("verify", "identify", "list", "explain"):
        assert f"\n  {command} " in ended.out


def test_no_command_is_answered_with_help(tnverify: Terminal) -> None:
    ended = tnverify()
    assert ended.code == 2
    assert ended.out.startswith("Usage: tnverify")


def test_lists_name_everything_on_lines_of_its_own(tnverify: Terminal) -> None:
    ended = tnverify("list")
    assert ended.code == 0
    lines = {line.strip() for line in ended.out.splitlines()}
    assert set(SCHEMES) <= lines
    assert set(ADAPTERS) <= lines
    assert {law.name for law in load_catalogue()} <= lines


def test_one_list_is_that_list_alone(tnverify: Terminal) -> None:
    ended = tnverify("list", "adapters")
    assert "mode_flag" in ended.out
    assert "tasknorm_i" not in ended.out


def test_the_planted_faults_can_be_listed(tnverify: Terminal) -> None:
    from tnverify.faults import all_faults

    lines = {line.strip() for line in tnverify("list", "faults").out.splitlines()}
    assert {fault.name for fault in all_faults()} <= lines


def test_a_law_is_explained_with_what_it_catches(tnverify: Terminal) -> None:
    from tnverify.faults import all_faults

    law = load_catalogue().named("a_target_ignores_the_other_targets")
    ended = tnverify("explain", law.name)
    assert ended.code == 0
    text = " ".join(ended.out.split())
    assert law.statement in text
    assert f"source {law.source}" in text
    caught = [fault.name for fault in all_faults() if law.name in fault.kills]
    assert caught
    assert all(f"{name}:" in text for name in caught)


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["verify", "--help"]])
def test_quick_commands_do_not_import_torch(arguments: list[str]) -> None:
    program = (
        "import sys; from tnverify.cli import run\n"
        f"run({arguments!r})\n"
        "print(*[name for name in ('torch', 'hypothesis', 'numpy') if name in sys.modules])\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines()[-1] == ""


def test_python_m_is_the_command() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tnverify", "--version"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout == f"tnverify {__version__}\n"
