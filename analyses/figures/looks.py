"""What a scheme is called and how it is drawn, the same in every figure, table and page."""

from __future__ import annotations

from dataclasses import dataclass

from tnverify.report.page.colours import BAD, GOOD, GRID, INK, MUTED, PAPER, UNSURE, ground

__all__ = [
    "BATCHINGS", "FORMS", "GRID", "INK", "LAYERS", "LEARNERS", "LOOKS", "MUTED", "ORDER",
    "OUTCOMES", "PAPER", "Look", "look_of", "name_of", "place_of", "sentence", "themed", "titled",
    "variables",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """`colour` is for light paper and `dark` for dark; `marker` and `line` are matplotlib's."""

    name: str
    colour: str
    dark: str
    marker: str
    line: str = "-"


LOOKS: dict[str, Look] = {
    "tasknorm_i": Look("TaskNorm-I", "#0057a8", "#62b0ff", "o"),
    "tasknorm_l": Look("TaskNorm-L", "#3a93cf", "#9bd4ff", "s"),
    "tasknorm_r": Look("TaskNorm-r", "#12807d", "#4ecac4", "^", "--"),
    "meta_bn": Look("MetaBN", "#1a7a36", "#66c983", "D"),
    "reptile_norm": Look("RN", "#7c8618", "#c9d45c", "v", "--"),
    "transductive_bn": Look("TBN", "#cf4318", "#ff8f66", "P"),
    "conventional_bn": Look("CBN", "#b87a00", "#ffc95a", "X", "--"),
    "batch_renorm": Look("BRN", "#96682c", "#d8ab70", "<", ":"),
    "instance_norm": Look("IN", "#ad3d8c", "#ea8dcb", ">"),
    "layer_norm": Look("LN", "#6a3f9f", "#b797ec", "p", "--"),
    "group_norm": Look("GN", "#84586f", "#d3a5bd", "h", ":"),
    "baseline": Look("Baseline", "#3d444d", "#d5dbe3", "*", ":"),
    "none": Look("no norm", "#686e76", "#a0a8b3", "d", ":"),
}
"""In the order in which tables list them. Blues blend, greens and olive read the context, orange
and brown keep running moments, purples read one item alone."""

ORDER = tuple(LOOKS)

FORMS = {
    ("functional", False): Look("functional, shared", "#0057a8", "#62b0ff", "o"),
    ("functional", True): Look("functional, per channel", "#12807d", "#4ecac4", "D", "--"),
    ("free", False): Look("free, shared", "#cf4318", "#ff8f66", "s"),
    ("free", True): Look("free, per channel", "#ad3d8c", "#ea8dcb", "^", "--"),
}
"""The forms of a TaskNorm's alpha: (form, one for each channel)."""

BATCHINGS = {
    "all": Look("all at once", "#0057a8", "#62b0ff", "o"),
    "class": Look("one class at a time", "#b87a00", "#ffc95a", "D"),
    "item": Look("one item at a time", "#cf4318", "#ff8f66", "s"),
}

OUTCOMES = {
    "reproduced": Look("reproduced", *GOOD, "o"),
    "contradicted": Look("contradicted", *BAD, "X"),
    "undecided": Look("undecided", *UNSURE, "D"),
    "no difference that matters": Look("no difference that matters", "#3d5a80", "#98b6dd", "s"),
    "not judged": Look("not judged", "#84586f", "#d3a5bd", "h"),
    "not measured": Look("not measured", "#686e76", "#a0a8b3", "d"),
}

_LAYERS = (
    ("#2f9a90", "#7fe0d6"), ("#2a86a6", "#74cbe6"), ("#2b70b0", "#86b8f4"), ("#3a57ac", "#9aa6f5"),
    ("#4c3f9e", "#b09af2"), ("#612d88", "#c691e6"), ("#701f6a", "#da8fd0"), ("#741c4c", "#ea93b6"),
)  # fmt: skip

LAYERS = tuple(
    Look(f"layer {i + 1}", light, dark, "osD^v<>p"[i]) for i, (light, dark) in enumerate(_LAYERS)
)
"""Layers in the order of a network, from green at its entrance to purple at its end."""

LEARNERS = {
    "protonets": "Prototypical networks",
    "maml": "MAML",
    "cnaps": "CNAPs",
    "pixels": "Raw pixels",
}


def name_of(scheme: str) -> str:
    """The short name of a scheme."""
    return LOOKS[scheme].name if scheme in LOOKS else scheme


def place_of(scheme: str) -> int:
    """Where a scheme stands in lists; one that is unknown comes last."""
    return ORDER.index(scheme) if scheme in LOOKS else len(ORDER)


def look_of(scheme: str) -> Look:
    """How a scheme is drawn; one that is unknown as no normalisation is, under its own name."""
    other = LOOKS["none"]
    return LOOKS.get(scheme) or Look(scheme, other.colour, other.dark, other.marker, other.line)


def titled(learner: str) -> str:
    """What a learner is called at the head of a title."""
    return LEARNERS.get(learner, learner)


def sentence(words: str) -> str:
    """`words` with a capital first letter and the others as they are."""
    return words[:1].upper() + words[1:]


def variables() -> list[tuple[str, str, str]]:
    """Colours of a page: the name of each, and what it is on light and on dark paper."""
    looks = [*LOOKS.items(), *((f"outcome-{k}", look) for k, look in OUTCOMES.items())]
    looks += [(look.name, look) for look in LAYERS]
    made = [(_variable(name), look.colour, look.dark) for name, look in looks]
    return [*made, *ground()]


def themed() -> dict[str, str]:
    """Of every colour of a figure that is another on dark paper, the variable that holds it."""
    return {light: name for name, light, _ in reversed(variables())}


def _variable(name: str) -> str:
    return f"--{name.replace('_', '-').replace(' ', '-')}"
