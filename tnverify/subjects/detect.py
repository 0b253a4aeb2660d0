"""Finding out by which convention a layer is called: its adapter."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tnverify.contract.outcomes import SubjectRaised
from tnverify.subjects.adapters import ADAPTERS, Adapter, Evidence, Strength, words
from tnverify.subjects.adapters.signature import call_parameters, required
from tnverify.subjects.ranks import find_rank, runs_on_maps
from tnverify.subjects.spec import Unusable
from tnverify.subjects.trial import Trial

if TYPE_CHECKING:
    import torch

    from tnverify.contract.claims import Claims
    from tnverify.subjects.subject import Factory

_ORDER = (
    "methods", "backup", "step", "functional", "stats", "masked", "labelled", "two_sets", "sided",
    "outputs", "option", "set_mode", "taught",
)  # fmt: skip
"""What stands around a convention, from the outside in: each asks only those behind it."""

_TOLD = words.LEFT_ALONE | words.CONTEXT_SETS | words.LABELS | words.SIDES
_TOLD = _TOLD.union(*words.TELL_LENGTHS.values())
"""Optional arguments of which a report says that they were left at their default."""

VECTORS = (
    "asked about (items, channels) alone: of maps it takes the last dimension for the channels, as"
    " norms of nodes and of tokens do; --rank 2 asks about maps"
)
"""What is said of a layer that runs on maps by accident."""

_OWN_ADAPTER = (
    "twelve lines of your own do, --adapter file.py:Name (an object with condition and normalize;"
    " `tnverify list adapters` and the README show one)"
)


@dataclass(frozen=True, slots=True)
class Detected:
    """The adapter that fits, the rank of ordinary input, and what a report says of both."""

    adapter: Adapter
    rank: int
    evidence: str
    cautions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    hangs: bool = False
    """Whether no call came back: more would not either."""


def detect_adapter(
    factory: Factory,
    step: int,
    device: torch.device | str = "cpu",
    *,
    declared: Claims | None = None,
    rank: int | None = None,
    only: str | None = None,
) -> Detected:
    """The adapter that fits best, by trying on a device; of those that fit, one that the declared
    claims allow. `only` asks one part alone, by name.

    Raises Unusable where no convention and no rank that is offered works.
    """
    trial = Trial(factory, step, device, declared, given_rank=rank, ask=_best)
    hangs = False
    try:
        found = [e for e in _asked(trial) if only is None or e.adapter.name.startswith(only)]
    except SubjectRaised:
        hangs = True
        # It hangs or ends the process whenever it is called: the laws say so.
        found = [Evidence(ADAPTERS["no_context"], Strength.LAST_RESORT, "no call came back")]
    if not found:
        _refuse(trial, only)
    chosen = _chosen(found, declared)
    of_vectors: tuple[str, ...] = ()
    if rank is None:
        alone = "+" not in chosen.adapter.name and chosen.adapter.name != "explicit_state"
        # A call as it was tried has its rank already: a slow layer is not called anew.
        rank = trial.rank if alone else find_rank(factory, chosen.adapter, step, device)
        if rank == 0 and runs_on_maps(factory, chosen.adapter, step, device):
            of_vectors = (VECTORS,)
    return Detected(
        chosen.adapter,
        rank,
        chosen.sentence,
        (*chosen.cautions, *_as_near(chosen, found), *_left_alone(trial, chosen.adapter)),
        of_vectors,
        hangs,
    )


def _asked(trial: Trial) -> list[Evidence]:
    """What speaks for each adapter, the parts that are bound already and those before them left
    out."""
    bound = max((_ORDER.index(part) for part in trial.parts), default=-1)
    found = []
    for name, adapter in ADAPTERS.items():
        if adapter.around is not None and _ORDER.index(name) <= bound:
            continue
        evidence = None if adapter.recognise is None else adapter.recognise(trial)
        if evidence is not None:
            found.append(evidence)
    return found


def _best(trial: Trial) -> Evidence | None:
    found = _asked(trial)
    return _chosen(found, trial.declared) if found else None


def _chosen(found: list[Evidence], declared: Claims | None) -> Evidence:
    """The strongest, among those that the claims allow where there are any. Of as strong ones
    that which says most of the call: the one with most parts."""
    allowed = [e for e in found if e.strength > Strength.LAST_RESORT and _allows(declared, e)]
    return max(allowed or found, key=lambda e: (e.strength, e.adapter.name.count("+")))


def _allows(declared: Claims | None, evidence: Evidence) -> bool:
    """Whether what a scheme reads can be seen through an adapter: running moments want to be
    learnt, a context to be conditioned on, a batch to be called as it is."""
    if declared is None or not declared.has_formula:
        return True
    scheme, convention = declared.scheme, evidence.adapter.name.rpartition("+")[2]
    if "other_targets" in scheme.target_reads:
        return convention not in ("frozen", "in_eval", "mode_flag")
    if scheme.reads_past:
        return convention not in ("mode_flag", "no_context", "in_eval")
    if "context" in scheme.target_reads:
        return convention not in ("frozen", "in_eval", "no_context")
    return True


def _as_near(chosen: Evidence, found: list[Evidence]) -> list[str]:
    """A sentence for every convention that fits nearly as well as the chosen one."""
    near = [
        e
        for e in found
        if e is not chosen
        and e.strength >= Strength.NEARLY
        and chosen.strength <= Strength.MEASURED
    ]
    return [
        f"It was called by the adapter {chosen.adapter.name}: {chosen.sentence}; {e.adapter.name}"
        f" fits nearly as well (--adapter {e.adapter.name}): {e.sentence}."
        for e in near
    ]


def _left_alone(trial: Trial, adapter: Adapter) -> list[str]:
    """A sentence for every optional argument that tells, by its name, what is called for, and
    that was left at its default."""
    if "handed" in adapter.name:
        return []
    return [
        f"Its argument {name} was left at its default ({parameter.default!r}): what other values"
        " do was not verified."
        for name, parameter in trial.parameters.items()
        if name in _TOLD
        and parameter.default is not parameter.empty
        and not re.search(rf"[\[,]{name}\b", adapter.name)
    ]


def _refuse(trial: Trial, only: str | None) -> None:
    """Raise Unusable with what no adapter could make of the layer."""
    if only is not None:
        summary = ADAPTERS[only].summary
        raise Unusable(f"the adapter {only} does not fit by itself: {only} is for {summary}")
    if not callable(trial.layer):
        raise Unusable(
            f"a {type(trial.layer).__name__} cannot be called and has no condition and normalize:"
            f" {_OWN_ADAPTER}"
        )
    wanted = required(trial.parameters)
    if not wanted:
        trial.rank  # noqa: B018 - raises Unusable with the layer's own words where it takes none
        return
    known = _nearest_adapters(wanted)
    names = [p.name for p in call_parameters(trial.layer)[:1]]
    raise Unusable(
        f"no adapter fits a call that wants {', '.join((*names, *wanted))}{known}; {_OWN_ADAPTER}"
    )


def _nearest_adapters(wanted: tuple[str, ...]) -> str:
    kinds = {
        "option": words.CONTEXT_IS_TRUE | words.CONTEXT_IS_FALSE | words.WORDED,
        "step": words.STEPS,
        "functional": words.PARAMETERS,
        "handed_moments": words.STATES,
    }
    near = [
        f"{name} (for {argument})"
        for argument in wanted
        for name, names in kinds.items()
        if difflib.get_close_matches(argument, names, n=1, cutoff=0.75)
    ]
    return f"; nearest are {', '.join(near)}" if near else ""
