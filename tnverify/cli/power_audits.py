"""`tnverify power --audits`: planted and sound learners before the laws of audits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnverify.cli.errors import bad

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tnverify.power.audits import Caught, Cleared


def survey_audits(
    profile: str,
    seeds: range,
    *,
    every: bool,
    jobs: int | None,
    json_file: Path | None,
    tried: Callable[[str, Callable[[], None]], bool],
    no_color: bool,
) -> tuple[bool, bool]:
    """Show the study. Returns whether all is as it should be, and whether files were written.

    Raises KeyboardInterrupt where Ctrl-C ended it before anything was found.
    """
    from tnverify.auditing.options import PROFILES
    from tnverify.contract.claims import nearest
    from tnverify.isolation.processes import cores
    from tnverify.power.audits import Caught, study
    from tnverify.power.audits_shown import audit_lines, audit_text, is_caught
    from tnverify.report.paths import write_atomically
    from tnverify.report.terminal import console, show

    if profile not in PROFILES:
        raise bad(f"unknown profile {profile!r}: {nearest(profile, tuple(PROFILES))}")
    found: list[Caught | Cleared] = list(
        study(profile, tuple(seeds), every=every, jobs=jobs or cores())
    )
    written = json_file is None or tried(
        f"--json {json_file}", lambda: write_atomically(json_file, audit_text(found, profile))
    )
    on = console(color=not no_color)
    show(audit_lines(found, profile, on.width), on)
    good = all(is_caught(e) if isinstance(e, Caught) else not e.blamed_by for e in found)
    return good, written
