"""Waivers: failures that a project knows of, each with its reason and its smallest failing task.

They live outside the layer, in `[[tool.tnverify.waivers]]` of pyproject.toml or in a file of the
same tables. A waiver is strict: its witness is replayed first, and a law that holds on it makes
the waiver stale, which fails the run.
"""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tnverify.catalogue import Catalogue


class WaiverError(ValueError):
    """A waivers file that cannot be read or says too little; the message is one line."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """One known failure. `subject` is a spec, or None for all subjects.

    `witness` is the counterexample of a JSON report: `plan`, `context`, `target`.
    """

    law: str
    reason: str
    witness: Mapping[str, Any]
    subject: str | None = None
    expires: dt.date | None = None

    def is_for(self, spec: str, law: str) -> bool:
        return self.law == law and self.subject in (None, spec)


def read_waivers(path: Path | None, catalogue: Catalogue) -> tuple[Waiver, ...]:
    """The waivers in `path`, or in ./pyproject.toml where None; none where that is not there.

    Raises WaiverError for what cannot be read, and CatalogueError for a law that does not exist.
    """
    if path is None:
        path = Path("pyproject.toml")
        if not path.is_file():
            return ()
    try:
        data = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise WaiverError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WaiverError(f"{path}: {error}") from None
    tables = data.get("waivers")
    if tables is None:
        tables = data
        for key, otherwise in (("tool", {}), ("tnverify", {}), ("waivers", [])):
            tables = tables.get(key, otherwise) if isinstance(tables, dict) else None
    if not isinstance(tables, list):
        raise WaiverError(f"{path}: waivers must be a list of tables: [[tool.tnverify.waivers]]")
    waivers = tuple(_waiver(table, path, n) for n, table in enumerate(tables, 1))
    for waiver in waivers:
        _expect_known(waiver.law, catalogue)
    return waivers


def _expect_known(name: str, catalogue: Catalogue) -> None:
    """Raise CatalogueError for a law that neither layers nor audits are asked."""
    if any(law.name == name for law in catalogue):
        return
    from tnverify.auditing.laws import LAWS  # only where a waiver is of none of a layer's laws

    if not any(law.name == name for law in LAWS):
        catalogue.named(name)


def _waiver(table: Any, path: Path, number: int) -> Waiver:
    def wrong(what: str) -> WaiverError:
        return WaiverError(f"{path}: waiver {number}: {what}")

    if not isinstance(table, dict):
        raise wrong("must be a table with law, reason and witness")
    unknown = sorted(set(table) - {"law", "reason", "witness", "subject", "expires"})
    if unknown:
        raise wrong(f"unknown key {unknown[0]!r}: law, reason, witness, subject, expires")
    for key in ("law", "reason"):
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise wrong(f"{key} is missing")
    expires = table.get("expires")
    if expires is not None and type(expires) is not dt.date:
        raise wrong(f"expires must be a date such as 2027-01-31, not {expires!r}")
    subject = table.get("subject")
    if subject is not None and not isinstance(subject, str):
        raise wrong(f"subject must be a SPEC, not {subject!r}")
    return Waiver(
        law=table["law"],
        reason=table["reason"],
        witness=_witness(table.get("witness"), path.parent, wrong),
        subject=subject,
        expires=expires,
    )


def _witness(given: Any, folder: Path, wrong: Any) -> Mapping[str, Any]:
    """The failing task: a table, or the name of a JSON file beside the waivers."""
    if isinstance(given, str):
        try:
            given = json.loads((folder / given).read_bytes())
        except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise wrong(f"witness {given}: {error}") from None
    if not isinstance(given, dict) or not {"plan", "context", "target"} <= set(given):
        raise wrong(
            "witness is missing: the smallest failing task, as the JSON report's counterexample"
            " or the .json file beside the reproducer gives it (plan, context, target)"
        )
    return given
