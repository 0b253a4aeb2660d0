"""Writing waivers: a table more at the end of a file, all else as it was."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from tnverify.engine.waivers import WaiverError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from pathlib import Path

    from tnverify.engine.results import Counterexample


def with_waiver(
    path: Path,
    law: str,
    subject: str,
    reason: str,
    example: Counterexample,
    expires: dt.date | None = None,
) -> str:
    """The text of the file with one waiver more; comments and order stay as they are.

    A file named pyproject.toml holds it as [[tool.tnverify.waivers]], any other as [[waivers]].
    Raises WaiverError for a file that cannot be read or extended, and for what is waived already.
    """
    import tomlkit

    before = _read(path)
    in_project = path.name == "pyproject.toml"
    for known in _tables(before, path, in_project=in_project):
        if known.get("law") == law and known.get("subject") in (None, subject):
            raise WaiverError(f"{path}: {law} is waived there already")
    table = tomlkit.table()
    table.add("law", law)
    table.add("subject", subject)
    table.add("reason", reason)
    if expires is not None:
        table.add("expires", expires)
    table.add("witness", _witness(example))
    tables = tomlkit.aot()
    tables.append(table)
    name = "tool.tnverify.waivers" if in_project else "waivers"
    body = tomlkit.dumps({"waivers": tables}).replace("[[waivers]]", f"[[{name}]]", 1)
    # A table can always be put at the end; what is parted by others stays where it is.
    gap = "" if not before.strip() else "\n" if before.endswith("\n") else "\n\n"
    text = f"{before}{gap}{body}"
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise WaiverError(
            f"{path}: no [[{name}]] can be added: write waivers there as tables of their own"
        ) from None
    return text


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise WaiverError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise WaiverError(f"{path}: {error}") from None


def _tables(text: str, path: Path, *, in_project: bool) -> list[dict[str, Any]]:
    try:
        data: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WaiverError(f"{path}: {error}") from None
    for key in ("tool", "tnverify", "waivers") if in_project else ("waivers",):
        data = data.get(key, {}) if isinstance(data, dict) else {}
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def _witness(example: Counterexample) -> Any:
    """The task as an inline table; the plan it was drawn from only where its values are not."""
    import tomlkit

    plan = {
        key: value for key, value in example.plan.items() if key != "drawn" or not example.context
    }

    def inline(values: Mapping[str, object]) -> Any:
        table = tomlkit.inline_table()
        for key, value in values.items():
            table.append(key, inline(value) if isinstance(value, dict) else value)
        return table

    return inline({"plan": plan, "context": example.context, "target": example.targets})
