"""A user's layer under mutation: every mutant made, judged apart, and counted."""

from __future__ import annotations

import importlib.util
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tnverify.engine.progress import Silent
from tnverify.isolation import Limits, each_apart
from tnverify.power.mutants.behaviours import behaviour_mutants
from tnverify.power.mutants.home import Home
from tnverify.power.mutants.judge import Court, judge, look
from tnverify.power.mutants.mutant import Judged, Mutant
from tnverify.subjects.spec import Unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tnverify.engine.profiles import Profile
    from tnverify.engine.progress import Progress
    from tnverify.power.mutants.judge import Original
    from tnverify.power.mutants.mutant import Fate
    from tnverify.subjects.recipe import SubjectRecipe

_FIRST = Limits(seconds=600.0)
"""Limits of the look at the original, which `verify` gives none."""


class MissingExtraError(Exception):
    """libcst is not installed; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What became of each mutant, in the order of the source; behaviours come last.

    `no_source` says why none of the source was changed. `made` counts all mutants, of which those
    in `found` were judged: fewer where Ctrl-C ended it (`interrupted`).
    """

    request: SubjectRecipe
    profile: Profile
    seed: int
    original: Original
    found: tuple[tuple[Mutant, Judged], ...]
    made: int
    no_source: str | None = None
    matrix: bool = False
    seconds: float = 0.0
    interrupted: bool = False

    def of(self, fate: Fate) -> tuple[tuple[Mutant, Judged], ...]:
        return tuple(each for each in self.found if each[1].fate == fate)

    @property
    def score(self) -> float | None:
        """Caught mutants as a share of those and the survivors; None where there are neither."""
        caught, missed = len(self.of("caught")), len(self.of("survives"))
        return caught / (caught + missed) if caught + missed else None


def check_extra() -> None:
    """Raise MissingExtraError unless mutants of source can be made."""
    if importlib.util.find_spec("libcst") is None:
        raise MissingExtraError(
            "mutants of a layer are made by libcst, which is not installed:"
            " pip install '.[mutants]' in a clone"
        )


def survey(
    request: SubjectRecipe,
    profile: Profile,
    seed: int,
    *,
    device: str = "cpu",
    jobs: int = 1,
    matrix: bool = False,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Survey:
    """Make the mutants of a layer and judge each in a process of its own.

    Layers run on `device`. With `matrix` every law is asked of every mutant, else until one
    catches it. `limits` are those of each process, by default what the original takes, many times
    over. Ctrl-C ends it and keeps what was found so far. Raises Unusable where the layer cannot
    be used as it is.
    """
    progress, clock = progress or Silent(), time.perf_counter()
    progress.on_subject(request.spec, 1, 1)
    original = _original(request, profile, seed, device)
    mutants, no_source = _mutants(original)
    limits = limits or Limits(seconds=20.0 + 10.0 * original.seconds)
    judged: dict[int, Judged] = {}
    interrupted = False
    with tempfile.TemporaryDirectory(prefix="tnverify-mutants-") as folder:
        court = Court(original, profile.name, seed, folder, matrix)
        calls = [partial(judge, court, number, mutant) for number, mutant in enumerate(mutants)]
        try:
            progress.on_plan(0, len(mutants))
            for number, ended in each_apart(calls, jobs, limits, device):
                judged[number] = ended.answer or Judged("stopped", why=ended.why or "")
                progress.on_plan(len(judged), len(mutants))
        except KeyboardInterrupt:
            interrupted = True
    return Survey(
        request=request,
        profile=profile,
        seed=seed,
        original=original,
        found=tuple((mutants[number], judged[number]) for number in sorted(judged)),
        made=len(mutants),
        no_source=no_source,
        matrix=matrix,
        seconds=time.perf_counter() - clock,
        interrupted=interrupted,
    )


def _original(request: SubjectRecipe, profile: Profile, seed: int, device: str) -> Original:
    call = partial(look, request, profile.name, seed, device)
    _, ended = next(iter(each_apart([call], 1, _FIRST, device)))
    if ended.answer is None:
        raise Unusable((ended.why or "").removeprefix("Unusable: "))
    return ended.answer


def _mutants(original: Original) -> tuple[Sequence[Mutant], str | None]:
    """The mutants, and why there are none of the source where there are none."""
    import libcst

    from tnverify.power.mutants.scope import NotThereError
    from tnverify.power.mutants.source import mutants_of

    home = original.home
    if not isinstance(home, Home):
        return behaviour_mutants(), home
    path = Path(home.file)
    shown_as = path.name if not path.is_relative_to(Path.cwd()) else str(
        path.relative_to(Path.cwd())
    )  # fmt: skip
    try:
        text = path.read_text(encoding="utf-8")
        made = mutants_of(text, home.qualname, shown_as)
    except (NotThereError, libcst.ParserSyntaxError, UnicodeDecodeError) as error:
        return behaviour_mutants(), str(error).splitlines()[0]
    return (*made, *behaviour_mutants()), None
