"""Programs that fail as a law failed: literals and the law itself, no engine, no Hypothesis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from pprint import pformat
from typing import TYPE_CHECKING

from tnverify import __version__
from tnverify.subjects import guard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.catalogue.laws import Law
    from tnverify.engine.results import Counterexample
    from tnverify.subjects.resolve import SubjectRequest
    from tnverify.subjects.subject import Subject

_TEMPLATE = '''\
"""{law} fails for {spec}

{statement}
{calls}
Written by tnverify {version} (seed {seed}). Run it with Python; it needs torch and tnverify.
It ends with what was expected and what came, or with nothing once the layer is right.
"""

from tnverify.reproduce import check

check(
    law={law!r},
    spec={spec!r},
    claims={claims!r},
    adapter={adapter!r},
    handles={handles!r},
    setup={setup!r},
    eps={eps!r},
    device={device!r},{channels}
    # What belongs to the task beside its values: the layer's parameters, earlier tasks of
    # meta-training, and the salt from which the law makes further values.
    recipe={recipe},
    # (items, channels, *spatial)
    context={context},
    target={target},
)
'''


def program(
    law: Law, subject: Subject, request: SubjectRequest, example: Counterexample, seed: int
) -> str:
    """The program's text, for the counterexample of a law."""
    calls = "\n".join(("What the law asked, and what came:", *(f"    {c}" for c in example.calls)))

    only = request.limits.channels
    recipe = example.plan
    if example.context:
        # The values are written out: the plan that they came from is not needed.
        recipe = {key: value for key, value in recipe.items() if key != "drawn"}

    def literal(value: object) -> str:
        return pformat(value, width=88, compact=True, sort_dicts=False).replace("\n", "\n    ")

    return _TEMPLATE.format(
        law=law.name,
        spec=_absolute(request.spec),
        statement=law.statement,
        version=__version__,
        seed=seed,
        claims=str(subject.claims),
        adapter=_absolute(subject.adapter.name),
        handles=dict(request.handles),
        setup=request.setup,
        eps=subject.eps,
        device=subject.device.type,
        channels="" if only is None else f"\n    channels={only},",
        recipe=literal(recipe),
        context=literal(example.context),
        target=literal(example.targets),
        calls=f"\n{calls}\n" if example.calls else "",
    )


def _absolute(spec: str) -> str:
    """A spec that names a file by a path which holds in every directory."""
    named, parenthesis, arguments = spec.partition("(")
    name, colon, rest = named.rpartition(".py:")
    absolute = f"{Path(name + '.py').resolve()}:{rest}" if colon else named
    return absolute + parenthesis + arguments


def write_program(text: str, directory: Path, subject_number: int, law: Law) -> Path:
    """Write the program where a person finds it. Raises OSError where that cannot be written."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{subject_number:02d}_{law.name}.py"
    path.write_bytes(text.encode())
    return path


_PATIENCE = 120.0
"""Seconds that the programs of a run may take together."""

_RUN_ALL = """
import json, sys
from tnverify.reproduce import outcomes
from tnverify.subjects.guard import patience
with patience(float(sys.argv[1])):
    print("\\n" + json.dumps(outcomes(sys.argv[2:])))
"""


def run_programs(paths: Sequence[Path], seconds: float = _PATIENCE) -> list[str | None]:
    """Run all programs in one fresh process; how each failed (its symptom), None where it did
    not fail, or where the process did not come back within `seconds`."""
    if not paths:
        return []
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
    try:
        ran = subprocess.run(  # noqa: S603, PLW1510 - this Python, on programs that this run wrote; what it printed tells how it ended
            [sys.executable, "-c", _RUN_ALL, str(guard.HANG_SECONDS), *map(str, paths)],
            capture_output=True,
            timeout=seconds,
            env=environment,
        )
        found = json.loads(ran.stdout.strip().splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, json.JSONDecodeError):
        return [None] * len(paths)
    return [None if symptom is None else str(symptom) for symptom in found]
