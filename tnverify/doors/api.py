"""Python's door to the engine: `tnverify.verify` and `tnverify.identify`.

What is verified may be a SPEC, as on the command line, a class, a function that builds a layer
(a lambda, too), or a layer that is there. Options are named and mean as on the command line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tnverify.bad_input import BadInput
from tnverify.contract.limits import Limits
from tnverify.engine import run
from tnverify.engine.check import check_options
from tnverify.engine.options import RunOptions
from tnverify.isolation.processes import cores
from tnverify.report.paths import OutputError, check_folder
from tnverify.report.progress import progress as shown_progress
from tnverify.subjects.given import recipe_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tnverify.engine.results import Counterexample, LawVerdict, RunReport, SubjectReport
    from tnverify.subjects import SubjectRecipe


def verify(
    *subjects: object,
    claims: str | None = None,
    adapter: str | Callable[..., object] | None = None,
    handles: Mapping[str, str] | None = None,
    setup: str | None = None,
    profile: str = "default",
    seed: int = 0,
    only: str | Iterable[str] = (),
    skip: str | Iterable[str] = (),
    device: str = "cpu",
    jobs: int | None = None,
    out: str | Path | None = None,
    waivers: str | Path | None = None,
    progress: bool = True,
    channels: int | None = None,
    rank: int | None = None,
    shape: Sequence[int] | None = None,
    min_channels: int | None = None,
    min_items: int | None = None,
    min_side: int | None = None,
    multiple_of: int | None = None,
) -> RunReport:
    """Return what becomes of layers that are held to the laws.

    >>> import tnverify, torch
    >>> report = tnverify.verify(torch.nn.InstanceNorm2d, profile="quick", only="transductivity")
    >>> report.conforms
    True

    - `subjects`: each a SPEC such as `"my_norm.py:MyNorm"`, a class or function that is called with
      the number of channels, or a layer, which is copied for every fresh one.
    - `claims`: what they claim to be, such as `"tasknorm_i,unbiased"`. Else measured.
    - `adapter`, `handles`, `setup`: how they are called, where parameters have other names, a
      method to call once after construction. Else found by trying.
    - `profile`: `"quick"`, `"default"` or `"thorough"`. `seed`: the same seed, the same report.
    - `only`, `skip`: laws or families of them.
    - `jobs`: how many processes verify at a time, one a core by default.
    - `out`: where programs that fail as the layer did are written. By default they are only
      run, and stand in the report.
    - `waivers`: known failures, as TOML; else those of `[tool.tnverify]` in ./pyproject.toml.
    - `progress`: shown in a notebook and on a terminal, never where output is captured.
    - `channels`, `rank`, `shape`, `min_channels`, `min_items`, `min_side`, `multiple_of`: sizes
      that they take. Else found by trying.

    Ctrl-C ends it, and the report has what was found so far (`interrupted`). Raises BadInput for
    words that name nothing, and where the one layer that is given cannot be used.
    """
    asked = ask(
        subjects, claims=claims, adapter=adapter, handles=handles, setup=setup, profile=profile,
        seed=seed, only=only, skip=skip, device=device, jobs=jobs, out=out, waivers=waivers,
        progress=progress, channels=channels, rank=rank, shape=shape, min_channels=min_channels,
        min_items=min_items, min_side=min_side, multiple_of=multiple_of,
    )  # fmt: skip
    report = asked.verified()
    first = report.subjects[0]
    if len(report.subjects) == 1 and first.verdict == "unusable" and not report.interrupted:
        raise BadInput(f"{first.spec}: {first.reason}")
    return report


def identify(
    subject: object,
    *,
    adapter: str | Callable[..., object] | None = None,
    handles: Mapping[str, str] | None = None,
    setup: str | None = None,
    device: str = "cpu",
    channels: int | None = None,
    rank: int | None = None,
    shape: Sequence[int] | None = None,
    min_channels: int | None = None,
    min_items: int | None = None,
    min_side: int | None = None,
    multiple_of: int | None = None,
) -> SubjectReport:
    """Return whom a layer's outputs read, and the scheme that fits. No law is asked.

    >>> import tnverify, torch
    >>> found = tnverify.identify(torch.nn.InstanceNorm2d)
    >>> found.fingerprint.target_reads, found.fingerprint.nearest_scheme
    (('itself',), 'instance_norm')

    The subject and the options are those of `verify`. Raises BadInput where it cannot be used.
    """
    asked = ask(
        (subject,), adapter=adapter, handles=handles, setup=setup, device=device,
        channels=channels, rank=rank, shape=shape, min_channels=min_channels, min_items=min_items,
        min_side=min_side, multiple_of=multiple_of,
    )  # fmt: skip
    return asked.identified()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a user asks of the engine, every word of it checked."""

    recipes: tuple[SubjectRecipe, ...]
    options: RunOptions
    progress: bool = True

    def verified(
        self, only: tuple[str, ...] | None = None, known: Mapping[str, SubjectReport] | None = None
    ) -> RunReport:
        """The report, of the laws in `only` where that is given; `known` as in `run.verify`."""
        options = self.options if only is None else replace(self.options, only=only)
        with shown_progress(wanted=self.progress) as shown:
            if options.out is not None:
                return run.verify(self.recipes, options, shown, known)
            # Programs that nobody asked to have written are run, and gone afterwards.
            with TemporaryDirectory(prefix="tnverify-") as folder:
                written = replace(options, out=Path(folder))
                report = run.verify(self.recipes, written, shown, known)
        return replace(report, subjects=tuple(map(_without_paths, report.subjects)))

    def identified(self) -> SubjectReport:
        """What is measured of the one subject. Raises BadInput where it cannot be used."""
        (recipe,) = self.recipes
        found = run.identify(recipe, self.options.device)
        if found.verdict == "unusable":
            raise BadInput(f"{found.spec}: {found.reason}")
        return found


def ask(
    subjects: Sequence[object],
    *,
    claims: str | None = None,
    adapter: str | Callable[..., object] | None = None,
    handles: Mapping[str, str] | None = None,
    setup: str | None = None,
    profile: str = "default",
    seed: int = 0,
    only: str | Iterable[str] = (),
    skip: str | Iterable[str] = (),
    device: str = "cpu",
    jobs: int | None = None,
    out: str | Path | None = None,
    waivers: str | Path | None = None,
    progress: bool = True,
    **sizes: Any,
) -> Asked:
    """Return what `verify` is asked for. Raises BadInput for words that name nothing."""
    recipes = _recipes(subjects, claims, adapter, handles, setup, sizes)
    options = RunOptions(
        profile=profile,
        seed=seed,
        only=_words(only),
        skip=_words(skip),
        device=device,
        out=None if out is None else Path(out),
        waivers=None if waivers is None else Path(waivers),
        jobs=_jobs(jobs),
    )
    named = None if recipes[0].live_adapter is not None else recipes[0].adapter
    check_options(options, claims=claims, adapter=named, handles=handles)
    if options.out is not None:
        try:
            check_folder(options.out, "--out")
        except OutputError as error:
            raise BadInput(str(error)) from None
    return Asked(tuple(recipes), options, progress)


def _recipes(
    subjects: Sequence[object],
    claims: str | None,
    adapter: str | Callable[..., object] | None,
    handles: Mapping[str, str] | None,
    setup: str | None,
    sizes: dict[str, Any],
) -> list[SubjectRecipe]:
    if not subjects:
        raise BadInput("nothing to verify: give a SPEC, a class, or a function that builds a layer")
    try:
        limits = Limits.of(**sizes)
    except ValueError as error:
        raise BadInput(str(error)) from None
    recipes = [
        recipe_of(subject, claims, adapter, dict(handles or {}), setup, limits)
        for subject in subjects
    ]
    names = [recipe.spec for recipe in recipes]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"two subjects are called {name!r}: give each once, under its own name")
    return recipes


def _words(given: str | Iterable[str]) -> tuple[str, ...]:
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(part.strip() for part in parts if part.strip())


def _jobs(given: int | None) -> int:
    if given is not None and (type(given) is not int or given < 1):
        raise BadInput(f"--jobs {given}: write a number of processes, at least 1, or auto")
    return given or cores()


def _without_paths(report: SubjectReport) -> SubjectReport:
    def bare(example: Counterexample | None) -> Counterexample | None:
        return None if example is None else replace(example, path=None)

    def pathless(verdict: LawVerdict) -> LawVerdict:
        return replace(verdict, counterexample=bare(verdict.counterexample))

    return replace(report, laws=tuple(map(pathless, report.laws)))
