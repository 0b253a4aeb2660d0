"""What reproducers call: one law, one subject, one task given as literals."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tnverify.catalogue import load_catalogue
from tnverify.contract.outcomes import SubjectRaised, Violation
from tnverify.engine.evaluate import Evaluation, evaluate
from tnverify.engine.tasks_json import rebuild
from tnverify.subjects.prober import SubjectProber
from tnverify.subjects.recipe import SubjectRecipe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def check(
    *,
    law: str,
    subject: Mapping[str, Any],
    task: Mapping[str, Any],
    context: list[Any],
    target: list[Any],
    layer: object = None,
    adapter: object = None,
    beside: str | None = None,
) -> None:
    """Ask one law of one subject on one task.

    `subject` is its recipe. `layer` is the class or the function that builds it, and `adapter` what
    wraps it, where no name leads to them. `context` and `target` are nested lists of shape (items,
    channels, *spatial); where they are empty the plan in `task` rebuilds them. Files that the
    recipe names by relative paths are looked for in the directory at hand, then in the folder of
    `beside` and in those above. Raises Violation where the law fails, and SubjectRaised where the
    subject does.
    """
    recipe = replace(SubjectRecipe.from_json(subject), live=layer, live_adapter=adapter)
    if beside is not None:
        recipe = recipe.found_from((Path(), *Path(beside).resolve().parents))
    ended = _evaluation(law, recipe, task, context, target)
    if ended.ending == "violated":
        raise Violation(
            str(ended.reason),
            symptom=ended.symptom or "value",  # type: ignore[arg-type]  # as it was raised
            expected=ended.expected,
            actual=ended.actual,
        )
    if ended.ending == "broken":
        raise SubjectRaised(RuntimeError(ended.reason), "the law's calls")


def _evaluation(
    law: str,
    recipe: SubjectRecipe,
    task: Mapping[str, Any],
    context: list[Any],
    target: list[Any],
) -> Evaluation:
    torch.set_num_threads(1)
    subject = recipe.build()
    rebuilt = rebuild(task, context, target, subject)
    ended = evaluate(load_catalogue().named(law), SubjectProber(subject), rebuilt)
    if _collected is not None:
        _collected.append(ended)
    return ended


_collected: list[Evaluation] | None = None


def run_each(results: str, paths: Sequence[str]) -> None:
    """Run reproducers one after another, and write to a file how each ended, a line of JSON when
    it begins and one with the symptom of its failure, null where its law held."""
    global _collected  # noqa: PLW0603 - the programs call `check`, which has no other way back
    for path in paths:
        _write(results, "begun")
        _collected = []
        try:
            runpy.run_path(path, run_name="__main__")
        except (Violation, SubjectRaised):
            pass
        except BaseException as error:  # noqa: BLE001 - a program may fail in any way: it is told
            _write(results, {"failed": f"error {type(error).__name__}"})
            continue
        ended = _collected[-1] if _collected else None
        failed = ended.symptom or "value" if ended is not None and ended.failed else None
        _write(results, {"failed": failed})
    _collected = None


def _write(results: str, line: object) -> None:
    with open(results, "a", encoding="utf-8") as file:  # noqa: PTH123 - a layer may patch anything
        file.write(json.dumps(line) + "\n")
