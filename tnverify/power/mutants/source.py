"""Mutants of a layer's own source: one for each small change of the file that defines it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from tnverify.power.mutants.mutant import Mutant
from tnverify.power.mutants.scope import belonging, edits_within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tnverify.power.mutants.edits import Edit

_AROUND = 2
"""Lines of the file that a diff shows around a change."""


def mutants_of(text: str, qualname: str, shown_as: str) -> tuple[Mutant, ...]:
    """Every mutant of the layer that `qualname` names in the file with this text.

    `shown_as` names the file in diffs. No two have the same text, and each can be compiled.
    Raises NotThereError where the file does not define the layer at its top, and
    libcst.ParserSyntaxError where it is no Python that libcst can read.
    """
    wrapper = MetadataWrapper(cst.parse_module(text))
    places = wrapper.resolve(PositionProvider)
    found: dict[str, Mutant] = {text: _NONE}
    for node in belonging(wrapper.module, qualname):
        for edit in edits_within(node):
            mutant = _mutant(wrapper.module, edit, text, places, shown_as)
            if mutant is not None:
                found.setdefault(mutant.text, mutant)
    del found[text]
    return tuple(sorted(found.values(), key=lambda mutant: mutant.line or 0))


_NONE = Mutant("", "", None, "")


def _mutant(
    module: cst.Module, edit: Edit, text: str, places: Mapping[cst.CSTNode, object], shown_as: str
) -> Mutant | None:
    """The whole file with one change; None where that is no Python (a default that is starred)."""
    changed = module.deep_replace(edit.old, edit.new)
    assert isinstance(changed, cst.Module)
    try:
        compile(changed.code, shown_as, "exec", dont_inherit=True)
    except SyntaxError:
        return None
    line = places[edit.old].start.line  # type: ignore[attr-defined]  # a libcst CodeRange
    name = f"{line}: {edit.words}"
    return Mutant(name, edit.kind, line, _diff(text, changed.code, shown_as), changed.code)


def _diff(before: str, after: str, shown_as: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), shown_as, shown_as, n=_AROUND, lineterm=""
    )
    return "\n".join(lines)
