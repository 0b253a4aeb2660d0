"""Programs that fail as a law failed: literals and the law itself, no engine, no Hypothesis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from pprint import pformat
from typing import TYPE_CHECKING

from tnverify import __version__
from tnverify.isolation.limits import Limits
from tnverify.isolation.processes import end_group
from tnverify.report.paths import write_atomically
from tnverify.subjects import guard
from tnverify.subjects.shown import FUTURE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.catalogue.laws import Law
    from tnverify.engine.results import Counterexample
    from tnverify.subjects.recipe import SubjectRecipe

_TEMPLATE = '''\
"""{law} fails for {spec}

{statement}
{calls}
Written by tnverify {version} (seed {seed}). Run it with Python; it needs torch and tnverify.
It ends with what was expected and what came, or with nothing once the layer is right.
"""

{future}from tnverify.reproduce import check
{code}
check(
    law={law!r},
    # How the layer is built and called, as it was given and as it was found.
    subject={subject},{layer}
    # Files that it names are looked for where this is run, then beside this file and above it.
    beside=__file__,
    # What belongs to the task beside its values: the layer's parameters, earlier tasks of
    # meta-training, and the salt from which the law makes further values.
    task={task},
    # (items, channels, *spatial)
    context={context},
    target={target},
)
'''


def program(law: Law, recipe: SubjectRecipe, example: Counterexample, seed: int) -> str:
    """The program's text, for the counterexample of a law."""
    calls = "\n".join(("What the law asked, and what came:", *(f"    {c}" for c in example.calls)))
    task = example.plan
    if example.context:
        # The values are written out: the plan that they came from is not needed.
        task = {key: value for key, value in task.items() if key != "drawn"}
    subject = recipe.portable().as_json()
    # What stands above need not stand here.
    subject |= {key: "" for key in ("code", "adapter_code") if key in subject}
    subject.pop("lacks", None)

    def literal(value: object) -> str:
        return pformat(value, width=88, compact=True, sort_dicts=False).replace("\n", "\n    ")

    return _TEMPLATE.format(
        law=law.name,
        spec=recipe.spec,
        statement=law.statement,
        version=__version__,
        seed=seed,
        subject=literal(subject),
        future=f"{FUTURE}\n\n" if FUTURE in f"{recipe.code}{recipe.adapter_code}" else "",
        code=_shown(recipe),
        layer="".join(f"\n    {name}=the_{name}," for name, _ in _given(recipe)),
        task=literal(task),
        context=literal(example.context),
        target=literal(example.targets),
        calls=f"\n{calls}\n" if example.calls else "",
    )


def _given(recipe: SubjectRecipe) -> list[tuple[str, str]]:
    """What was given as an object, and the code that defines it, empty where there is none."""
    given = (("layer", recipe.code), ("adapter", recipe.adapter_code))
    return [(name, code) for name, code in given if code is not None]


def _shown(recipe: SubjectRecipe) -> str:
    """The code of what was given as an object, and what of it could not be shown."""
    parts = [
        code.removeprefix(FUTURE).strip() or f"the_{name} = None  # put the {name} here"
        for name, code in _given(recipe)
    ]
    if not parts:
        return ""
    lacks = "".join(f"# Not shown: {what}\n" for what in recipe.lacks)
    return f"\n{lacks}" + "\n\n".join(parts) + "\n"


def write_program(
    text: str,
    directory: Path,
    recipe: SubjectRecipe,
    law: Law,
    witness: dict[str, object] | None = None,
    alone: str = "",
) -> Path:
    """Write the program where a person finds it, under a name that no other subject's has, and
    beside it its witness as JSON and the program for torch `alone`, if any.

    Each is written whole or not at all. Raises OSError where that cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{recipe.slug}_{law.name}.py"
    if witness is not None:
        write_atomically(path.with_suffix(".json"), json.dumps(witness, indent=1) + "\n")
    if alone:
        write_atomically(path.with_name(f"{path.stem}_in_torch.py"), alone)
    write_atomically(path, text)
    return path


_PATIENCE = 120.0
"""Seconds that the programs of a run may take together."""

_BUILDING = 30.0
"""Seconds that a program may take beside the calls that its law makes."""

_RUN_ALL = """
import os, sys
from tnverify.engine.reproducer import LIMITS
from tnverify.isolation.inside import settle
from tnverify.reproduce import run_each
from tnverify.subjects.guard import patience
settle(LIMITS, os.getppid())
with patience(float(sys.argv[1])):
    run_each(sys.argv[2], sys.argv[3:])
os._exit(0)
"""

LIMITS = Limits(seconds=_PATIENCE, memory=8.0)
"""What the programs of a run may take together."""


def run_programs(paths: Sequence[Path], seconds: float = _PATIENCE) -> list[str | None]:
    """Run all programs in a fresh process; how each failed (its symptom), None where it did not
    fail, or where no process came back within `seconds`.

    A program that ends its process, or hangs it, has failed by `crash` or `hang`; those after it
    get another.
    """
    found: list[str | None] = []
    deadline = time.monotonic() + seconds
    while len(found) < len(paths):
        try:
            told, ended = _run_from(paths[len(found) :], deadline)
        except OSError:  # no process is to be had, or no place for what it finds
            break
        found += told
        if ended is None:
            break
        found.append(ended)
    return [*found, *[None] * (len(paths) - len(found))]


def _run_from(paths: Sequence[Path], deadline: float) -> tuple[list[str | None], str | None]:
    """Run programs in one fresh process: how those failed that came to their end, and how the
    one after them ended the process, None where none did."""
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    with tempfile.TemporaryDirectory(prefix="tnverify-") as folder:
        results = Path(folder, "results")
        process = subprocess.Popen(  # noqa: S603 - this Python, on programs that this run wrote
            [
                sys.executable, "-c", _RUN_ALL, str(guard.HANG_SECONDS), str(results),
                *map(str, paths),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )  # fmt: skip
        try:
            ended = _await(process, results, deadline)
        finally:
            end_group(process.pid)
            process.wait()
        told = [json.loads(line) for line in _lines(results)]
    begun = sum(1 for line in told if line == "begun")
    finished = [line["failed"] for line in told if isinstance(line, dict)]
    if begun == len(finished) or ended is None:
        return finished, None
    return finished, ended


def _await(process: subprocess.Popen[bytes], results: Path, deadline: float) -> str | None:
    """Wait for the end of a process: `crash` where it ended, `hang` where one program took longer
    than any call may, None where the time of all of them was over."""
    most = guard.STARVED * guard.HANG_SECONDS + _BUILDING
    seen, since = 0, time.monotonic()
    while process.poll() is None:
        now = time.monotonic()
        if now >= deadline:
            return None
        lines = len(_lines(results))
        if lines != seen:
            seen, since = lines, now
        elif seen and now - since > most:
            return "hang"
        time.sleep(0.02)
    return "crash"


def _lines(results: Path) -> list[str]:
    try:
        return [line for line in results.read_text().split("\n")[:-1] if line]
    except FileNotFoundError:
        return []
