"""Schemes, and what a subject claims of itself.

A claim is two-sided: whom an output *must* read and whom it *may* read. For a scheme of the
table both are the same set; `inductive` leaves reading of the context open.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Literal, get_args

Reads = Literal["itself", "context", "other_targets", "targets", "past"]
Variance = Literal["biased", "unbiased"]
Secondary = Literal["instance", "layer", "running"]

MODIFIERS: tuple[str, ...] = (
    "biased",
    "unbiased",
    "detached",
    "float32",
    "first_order",
    "reads_context",
    "reads_past",
)
"""Words that may follow a scheme after a comma, in the order in which reports print them."""


class ClaimsError(ValueError):
    """A claim that names no scheme or modifier; the message names the nearest one."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A named normalisation of the paper, with whom its outputs read at meta-test.

    An output always reads its own item's values, so `itself` is in every set. `secondary`
    names the moments that a blend adds to those of the context, None where nothing is blended.
    `trains_as` names the scheme whose moments the layer uses during meta-training, where that
    differs from meta-test (paper, section 3 and appendix B).
    """

    name: str
    title: str
    context_reads: frozenset[Reads]
    target_reads: frozenset[Reads]
    source: str
    secondary: Secondary | None = None
    trains_as: str | None = None
    mixes_channels: bool = False
    """Whether an output may read other channels of its own item (layer and group moments)."""
    constant_moments: bool = False
    """Whether moments are values that the layer holds and no task changes."""

    @property
    def called(self) -> str:
        """The name as it stands in a sentence, where "none" alone would read as nobody."""
        return "the scheme none" if self.name == "none" else self.name

    @property
    def blends(self) -> bool:
        return self.secondary is not None

    @property
    def reads_context(self) -> bool:
        return "context" in self.target_reads

    @property
    def reads_past(self) -> bool:
        return "past" in self.target_reads

    @property
    def holds_moments(self) -> bool:
        """Whether the formula takes moments that the layer holds: constant or running ones."""
        return self.constant_moments or self.reads_past


def _reads(*names: Reads) -> frozenset[Reads]:
    return frozenset(("itself", *names))


_TABLE = (
    Scheme("none", "no normalisation", _reads(), _reads(), "section 3"),
    Scheme(
        "conventional_bn",
        "conventional batch normalisation (CBN)",
        _reads("past"),
        _reads("past"),
        "section 3.1, eqs. (3), (4)",
        trains_as="transductive_bn",
    ),
    Scheme(
        "batch_renorm",
        "batch renormalisation (BRN)",
        _reads("past"),
        _reads("past"),
        "appendix A.1; Ioffe 2017",
        trains_as="batch_renorm",
    ),
    Scheme(
        "transductive_bn",
        "transductive batch normalisation (TBN)",
        _reads("context"),
        _reads("other_targets"),
        "section 3.2, eqs. (3) to (5)",
    ),
    Scheme(
        "layer_norm",
        "layer normalisation (LN)",
        _reads(),
        _reads(),
        "section 3.3, eqs. (6), (7)",
        mixes_channels=True,
    ),
    Scheme(
        "per_pixel_layer_norm",
        "layer normalisation over the channels of each position",
        _reads(),
        _reads(),
        "Ba et al. 2016, of features as ConvNeXt takes them (Liu et al. 2022)",
        mixes_channels=True,
    ),
    Scheme(
        "rms_norm",
        "root mean square normalisation over the channels of each position (RMSNorm)",
        _reads(),
        _reads(),
        "Zhang and Sennrich 2019, eq. (4)",
        mixes_channels=True,
    ),
    Scheme(
        "item_rms_norm",
        "root mean square normalisation over all channels and positions of an item",
        _reads(),
        _reads(),
        "Zhang and Sennrich 2019, eq. (4), over what layer_norm reduces",
        mixes_channels=True,
    ),
    Scheme(
        "frozen_bn",
        "batch normalisation with constant moments (FrozenBatchNorm)",
        _reads(),
        _reads(),
        "eq. (2), with moments that nothing moves",
        constant_moments=True,
    ),
    Scheme(
        "instance_norm",
        "instance normalisation (IN)",
        _reads(),
        _reads(),
        "section 3.3, eqs. (8), (9)",
    ),
    Scheme(
        "group_norm",
        "group normalisation (GN)",
        _reads(),
        _reads(),
        "appendix A.2",
        mixes_channels=True,
    ),
    Scheme(
        "reptile_norm",
        "Reptile normalisation (RN)",
        _reads("context"),
        _reads("context"),
        "section 3.4; Nichol et al. 2018",
        trains_as="transductive_bn",
    ),
    Scheme(
        "meta_bn",
        "meta-batch normalisation (MetaBN)",
        _reads("context"),
        _reads("context"),
        "section 4.1, eqs. (3), (4) over the context",
    ),
    Scheme(
        "tasknorm_i",
        "TaskNorm-I",
        _reads("context"),
        _reads("context"),
        "section 4.2, eqs. (10), (11)",
        secondary="instance",
    ),
    Scheme(
        "tasknorm_l",
        "TaskNorm-L",
        _reads("context"),
        _reads("context"),
        "section 4.2, eqs. (10), (11)",
        secondary="layer",
        mixes_channels=True,
    ),
    Scheme(
        "tasknorm_r",
        "TaskNorm-r",
        _reads("context", "past"),
        _reads("context", "past"),
        "section 5 (ablation), eqs. (10), (11)",
        secondary="running",
    ),
    Scheme(
        "inductive",
        "no named scheme, but inductive",
        _reads("context", "past"),
        _reads("context", "past"),
        "eq. (5)",
        mixes_channels=True,
    ),
)

SCHEMES: dict[str, Scheme] = {scheme.name: scheme for scheme in _TABLE}
"""Every scheme that can be claimed, by name; `inductive` is the one without a formula."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a subject says of itself: its scheme and the modifiers that qualify it.

    `reads_context` and `reads_past` say of a layer without a scheme whom it must read.
    `inferred` is True where the claims were measured rather than declared: an inferred claim
    never excuses transduction or leakage between meta-test tasks.
    """

    scheme: Scheme
    variance: Variance = "biased"
    detached: bool = False
    float32: bool = False
    first_order: bool = False
    reads_context: bool = False
    reads_past: bool = False
    variance_given: bool = False
    inferred: bool = False

    @property
    def has_formula(self) -> bool:
        return self.scheme.name != "inductive"

    @property
    def modifiers(self) -> tuple[str, ...]:
        """The modifiers that hold, in the order of `MODIFIERS`."""
        held = {
            self.variance: self.has_formula or self.variance_given,
            "detached": self.detached,
            "float32": self.float32,
            "first_order": self.first_order,
            "reads_context": self.reads_context,
            "reads_past": self.reads_past,
        }
        return tuple(name for name in MODIFIERS if held.get(name))

    def may_read(self, outputs: Literal["context", "target"]) -> frozenset[Reads]:
        """Whose values may reach these outputs at meta-test."""
        scheme = self.scheme
        return scheme.context_reads if outputs == "context" else scheme.target_reads

    def must_read(self, outputs: Literal["context", "target"]) -> frozenset[Reads]:
        """Whose values must reach these outputs: all that the scheme reads, if it is named.

        Without a scheme `reads_context` is about targets alone: a context item that is normalised
        by itself may still set the state for targets.
        """
        if self.has_formula:
            return self.may_read(outputs)
        found: set[Reads] = {"itself"}
        if self.reads_context and outputs == "target":
            found.add("context")
        if self.reads_past:
            found.add("past")
        return frozenset(found)

    def with_variance(self, variance: Variance) -> Claims:
        return replace(self, variance=variance)

    def __str__(self) -> str:
        shown = [m for m in self.modifiers if m != "biased"]
        return ",".join([self.scheme.name, *shown])


def nearest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """A hint that ends an error about an unknown word: the nearest known one, or a few."""
    close = difflib.get_close_matches(word, known, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    return f"known: {', '.join(known[:12])}{more}"


def parse_claims(text: str) -> Claims:
    """The claims that `SCHEME[,MODIFIER...]` spells, e.g. `tasknorm_i,unbiased,detached`.

    Raises ClaimsError for an unknown scheme or modifier, naming the nearest known one, and for
    both variance conventions at once, or for saying whom a named scheme reads.
    """
    name, *modifiers = [part.strip() for part in text.split(",")]
    if name not in SCHEMES:
        raise ClaimsError(f"unknown scheme {name!r}: {nearest(name, tuple(SCHEMES))}")
    for modifier in modifiers:
        if modifier not in MODIFIERS:
            raise ClaimsError(f"unknown modifier {modifier!r}: {nearest(modifier, MODIFIERS)}")
    given = [modifier for modifier in modifiers if modifier in get_args(Variance)]
    if len(set(given)) > 1:
        raise ClaimsError(f"claims {text!r} name both variance conventions: keep one")
    reads = [modifier for modifier in modifiers if modifier.startswith("reads_")]
    if reads and name != "inductive":
        raise ClaimsError(
            f"claims {text!r}: {name} says by itself whom it reads; {reads[0]} is for inductive"
        )
    return Claims(
        scheme=SCHEMES[name],
        variance="unbiased" if "unbiased" in given else "biased",
        variance_given=bool(given),
        detached="detached" in modifiers,
        float32="float32" in modifiers,
        first_order="first_order" in modifiers,
        reads_context="reads_context" in modifiers,
        reads_past="reads_past" in modifiers,
    )
