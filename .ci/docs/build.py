"""Build the documentation: `python .ci/docs/build.py FOLDER`. `tox run -e docs` does so.

The pages of tnverify/docs are copied beside reference pages that are made of the registries, and
Sphinx builds both. A comment `<!-- generated: NAME -->` in a page stands for what SLOTS has under
that name. The name of a law in backticks becomes a link to its page.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sphinx.cmd.build import main as sphinx

from tnverify.auditing.laws import LAWS as AUDIT_LAWS
from tnverify.catalogue import load_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
# tox keeps the folder of a script off the path (PYTHONSAFEPATH).
sys.path.append(str(HERE))

import registries  # noqa: E402 - it lies beside this file
import wild  # noqa: E402 - as registries

PAGES = HERE.parents[1] / "tnverify" / "docs"

SLOTS: dict[str, Callable[[], str]] = {
    "laws": lambda: registries.families("laws", load_catalogue().laws),
    "audit laws": lambda: registries.families("audit-laws", AUDIT_LAWS),
    "schemes": registries.schemes,
    "adapters": registries.adapters,
    "commands": registries.commands,
    "profiles": registries.profiles,
    "settings": lambda: registries.settings("Project"),
    "settings of a subject": lambda: registries.settings("SubjectTable"),
    "layers in the wild": wild.layers,
}
_SLOT = re.compile(r"<!-- generated: (.+?) -->")
_FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def lay_out(folder: Path) -> None:
    """Write every page below the folder. Raises KeyError for a slot that nothing fills, and
    ValueError for one that no page has."""
    shutil.copytree(PAGES, folder, dirs_exist_ok=True)
    used = set()
    for path in folder.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        used |= set(_SLOT.findall(text))
        path.write_text(_SLOT.sub(lambda slot: SLOTS[slot[1]](), text), encoding="utf-8")
    if used != set(SLOTS):
        raise ValueError(f"no page has a place for {sorted(set(SLOTS) - used)}")
    made = registries.law_pages()
    for name, text in made.items():
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    homes = {Path(name).name: folder / f"{name}.md" for name in made if not name.endswith("/index")}
    for path in folder.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        path.write_text(_linked(text, path, homes), encoding="utf-8")


def _linked(text: str, path: Path, homes: dict[str, Path]) -> str:
    """Return the page with names of laws as links, but for its own and those in blocks of code."""
    law = re.compile(r"(?<!\[)`(" + "|".join(homes) + r")`")

    def link(found: re.Match[str]) -> str:
        home = homes[found[1]]
        if home == path:
            return found[0]
        return f"[{found[0]}]({os.path.relpath(home, path.parent)})"

    parts = _FENCED.split(text)
    return "".join(part if number % 2 else law.sub(link, part) for number, part in enumerate(parts))


def main(out: str) -> int:
    """Build the pages into a folder; return what Sphinx ends with."""
    with tempfile.TemporaryDirectory(prefix="tnverify-docs-") as folder:
        lay_out(Path(folder))
        strict = ("-W", "--keep-going", "-n", "-q", "-E")
        return sphinx([*strict, "-c", str(HERE), folder, out])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
