"""A configuration, read and checked: everything that one trained run depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tnverify.analyses.learners.schemes import BASELINE, SCHEMES, blends
from tnverify.analyses.records import FINGERPRINTS
from tnverify.analyses.tasks import (
    COMPANIES,
    Company,
    ContextLimits,
    Corruption,
    FixedShots,
    Style,
    VariableShots,
)

from .reading import Entries

if TYPE_CHECKING:
    from tnverify.norms.alpha import AlphaForm

LearnerName = Literal["protonets", "maml", "cnaps", "pixels"]
LEARNERS: tuple[LearnerName, ...] = ("protonets", "maml", "cnaps", "pixels")
STYLES = ("none", "task", "set", "image")


@dataclass(frozen=True)
class Network:
    """The body: its kind, its width, and how conv4 halves a side (see `conv4`)."""

    kind: Literal["conv4", "resnet18"]
    width: int
    reduce: Literal["pool", "stride"]


@dataclass(frozen=True)
class Training:
    """How long and on what tasks; `steps`, `inner_rate` and `order` are MAML's."""

    shots: FixedShots | VariableShots
    iterations: int
    meta_batch: int
    rate: float
    decay: Literal["none", "cosine"]
    clip: float | None
    style: Style | None
    order: Literal[1, 2]
    steps: int
    inner_rate: float
    launch: Literal["auto", "stack", "loop"]


@dataclass(frozen=True)
class Pretraining:
    """How CNAPs' backbone is trained before it is frozen."""

    iterations: int
    batch: int
    rate: float


@dataclass(frozen=True)
class Validation:
    """Every how many iterations, on how many tasks; none where `every` is 0.

    `select` says which weights are tested: the last, or those that validated best.
    """

    every: int
    tasks: int
    select: Literal["last", "best"]


@dataclass(frozen=True)
class Cell:
    """One kind of test tasks: `tasks` of them, predicted in each of `batchings`."""

    name: str
    data: str
    dataset: str | None
    shots: FixedShots | VariableShots
    tasks: int
    batchings: tuple[Company, ...]
    style: Style | None
    corruption: Corruption | None


@dataclass(frozen=True)
class Settings:
    """See `train_one` for the JSON that this is read from."""

    learner: LearnerName
    scheme: str
    alpha: AlphaForm
    per_channel: bool
    seed: int
    data: str
    fingerprints: Mapping[str, tuple[str, ...]]
    """The fingerprints of the data sets that each word of `data` named when the run was planned;
    empty where it was not planned."""
    side: int | None
    channels: int | None
    device: str
    network: Network
    train: Training | None
    pretrain: Pretraining
    validate: Validation
    test: tuple[Cell, ...]


def read_settings(configuration: Mapping[str, Any]) -> Settings:
    """The settings of a configuration. Raises ValueError, of one line, where it is wrong."""
    top = Entries(configuration)
    learner: LearnerName = top.choice("learner", LEARNERS)
    scheme = _scheme(top, learner)
    data = top.word("data")
    training = top.object("train")
    train = None if learner == "pixels" else _training(training, learner)
    variable = train is not None and isinstance(train.shots, VariableShots)
    settings = Settings(
        learner=learner,
        scheme=scheme,
        # The paper learns alpha itself where the context has one size (section 4.2).
        alpha=_alpha(top, scheme, "functional" if variable else "free"),
        per_channel=top.choice("per_channel", (None, False, True)) is True,
        seed=top.integer("seed", least=0),
        data=data,
        fingerprints=_fingerprints(top),
        side=top.integer("side", least=1) if top.has("side") else None,
        channels=top.integer("channels", least=1) if top.has("channels") else None,
        device=top.word("device", default="cpu"),
        network=_network(top.object("network")),
        train=train,
        pretrain=_pretraining(top.object("pretrain")),
        validate=_validation(top.object("validate")),
        test=tuple(_cell(entries, data) for entries in top.objects("test")),
    )
    if settings.per_channel and not blends(scheme):
        raise ValueError(f"configuration.per_channel is true: {scheme} has no alpha")
    _check_cells(settings)
    top.done()
    return settings


def _fingerprints(top: Entries) -> Mapping[str, tuple[str, ...]]:
    found = top.get(FINGERPRINTS)
    usable = found is None or (
        isinstance(found, Mapping) and all(isinstance(each, list) for each in found.values())
    )
    if not usable:
        raise top.wrong(FINGERPRINTS, "an object of lists, by the word that names data")
    return {str(word): tuple(map(str, each)) for word, each in (found or {}).items()}


def _scheme(top: Entries, learner: LearnerName) -> str:
    if learner == "pixels":
        return str(top.choice("scheme", ("none",), default="none"))
    schemes = (*SCHEMES, BASELINE) if learner == "cnaps" else SCHEMES
    return str(top.choice("scheme", schemes))


def _alpha(top: Entries, scheme: str, usual: AlphaForm) -> AlphaForm:
    asked: AlphaForm | None = top.choice("alpha", (None, "functional", "free"))
    if asked is not None and not blends(scheme):
        raise ValueError(f"configuration.alpha is {asked!r}: {scheme} has no alpha")
    return usual if asked is None else asked


def _network(entries: Entries) -> Network:
    network = Network(
        kind=entries.choice("kind", ("conv4", "resnet18"), default="conv4"),
        width=entries.integer("width", least=1, default=32),
        reduce=entries.choice("reduce", ("pool", "stride"), default="pool"),
    )
    entries.done()
    return network


def _training(entries: Entries, learner: LearnerName) -> Training:
    if learner == "maml" and entries.get("variable"):
        raise ValueError("configuration.train.variable is true: MAML's head has a fixed way")
    training = Training(
        shots=_shots(entries, imbalance=False),
        iterations=entries.integer("iterations", least=1),
        meta_batch=entries.integer("meta_batch", least=1, default=1),
        rate=entries.number("rate", above=0.0, default=1e-3),
        decay=entries.choice("decay", ("none", "cosine"), default="none"),
        clip=entries.number("clip", above=0.0) if entries.has("clip") else None,
        style=_style(entries),
        order=entries.choice("order", (1, 2), default=2),
        steps=entries.integer("steps", least=1, default=1),
        inner_rate=entries.number("inner_rate", above=0.0, default=0.4),
        launch=entries.choice("launch", ("auto", "stack", "loop"), default="auto"),
    )
    entries.done()
    return training


def _pretraining(entries: Entries) -> Pretraining:
    pretraining = Pretraining(
        iterations=entries.integer("iterations", least=1, default=600),
        batch=entries.integer("batch", least=2, default=64),
        rate=entries.number("rate", above=0.0, default=2e-3),
    )
    entries.done()
    return pretraining


def _validation(entries: Entries) -> Validation:
    validation = Validation(
        every=entries.integer("every", least=0, default=0),
        tasks=entries.integer("tasks", least=1, default=100),
        select=entries.choice("select", ("last", "best"), default="last"),
    )
    entries.done()
    if validation.select == "best" and not validation.every:
        raise ValueError("configuration.validate.select is 'best': validate.every is missing")
    return validation


def _cell(entries: Entries, own: str) -> Cell:
    batchings = entries.get("batchings")
    if batchings is None:
        batchings = ["all"]
    usable = isinstance(batchings, list | tuple) and batchings
    if not usable or any(each not in COMPANIES for each in batchings):
        raise entries.wrong("batchings", f"a list of {', '.join(COMPANIES)}")
    if len(set(batchings)) != len(batchings):
        raise entries.wrong("batchings", "a list without repeats")
    cell = Cell(
        name=entries.word("configuration"),
        data=entries.word("data", default=own),
        dataset=entries.get("dataset"),
        shots=_shots(entries, imbalance=True),
        tasks=entries.integer("tasks", least=1),
        batchings=tuple(batchings),
        style=_style(entries),
        corruption=_corruption(entries),
    )
    entries.done()
    return cell


def _shots(entries: Entries, *, imbalance: bool) -> FixedShots | VariableShots:
    variable = _variable(entries)
    if variable is not None:
        for name in ("way", "shot", "targets"):
            if entries.has(name):
                raise entries.wrong(name, "no entry where the shots are variable")
        return variable
    most_to_least = 1.0
    if imbalance and entries.has("imbalance"):
        most_to_least = entries.number("imbalance", above=0.0)
        if most_to_least < 1.0:
            raise entries.wrong("imbalance", "a ratio, 1 or more")
    return FixedShots(
        way=entries.integer("way", least=1),
        shot=entries.integer("shot", least=1),
        targets=entries.integer("targets", least=1),
        imbalance=most_to_least,
    )


def _variable(entries: Entries) -> VariableShots | None:
    """Of true, or of {"most_ways": 20, "context": 100}; None for false or nothing."""
    found = entries.get("variable")
    if not isinstance(found, dict):
        return VariableShots() if entries.flag("variable") else None
    inside, usual = entries.object("variable"), VariableShots()
    limits = ContextLimits(
        targets=inside.integer("targets", least=1, default=usual.limits.targets),
        context=inside.integer("context", least=1, default=usual.limits.context),
        context_per_class=inside.integer(
            "context_per_class", least=1, default=usual.limits.context_per_class
        ),
    )
    shots = VariableShots(
        fewest_ways=inside.integer("fewest_ways", least=1, default=usual.fewest_ways),
        most_ways=inside.integer("most_ways", least=1, default=usual.most_ways),
        limits=limits,
    )
    inside.done()
    return shots


def _style(entries: Entries) -> Style | None:
    """Of a word such as "task", or of {"shared": "task", "strength": 0.5}."""
    found = entries.get("style")
    if isinstance(found, dict):
        inside = entries.object("style")
        shared = inside.choice("shared", STYLES[1:])
        style = Style(shared=shared).scaled(inside.number("strength", above=0.0, default=1.0))
        inside.done()
        return style
    shared = entries.choice("style", STYLES, default="none")
    return None if shared == "none" else Style(shared=shared)


def _corruption(entries: Entries) -> Corruption | None:
    """{"share": 0.2, "kind": "noise"}, or null."""
    if not entries.has("corruption"):
        return None
    inside = entries.object("corruption")
    share = inside.number("share", above=-1.0)
    kind = inside.choice("kind", ("noise", "blank", "bright", "stray"), default="noise")
    inside.done()
    return Corruption(share, kind)


def _check_cells(settings: Settings) -> None:
    names = [cell.name for cell in settings.test]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"configuration.test has {names.count(name)} cells named {name!r}")
    if settings.learner != "maml" or settings.train is None:
        return
    assert isinstance(settings.train.shots, FixedShots), "checked when it was read"
    for cell in settings.test:
        way = cell.shots.way if isinstance(cell.shots, FixedShots) else "variable"
        if way != settings.train.shots.way:
            raise ValueError(
                f"configuration.test: {cell.name!r} is of {way} ways, and MAML's head is of "
                f"{settings.train.shots.way}"
            )
