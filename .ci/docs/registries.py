"""Reference pages that are made of the registries: laws, schemes, adapters, settings."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

import click
from equations import mathml
from pieces import contents, page, prose, table

from tnverify.auditing.laws import LAWS as AUDIT_LAWS
from tnverify.catalogue import Law, load_catalogue
from tnverify.contract import MODIFIERS, SCHEMES, Claims
from tnverify.faults import all_faults
from tnverify.faults.learners import all_planted
from tnverify.power.measured import measured
from tnverify.report.formulas import formula
from tnverify.report.words import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tnverify.catalogue import LawFacts

_LEVELS = {
    "must": "must: a subject that fails it violates its claims",
    "should": "should: it is shown, and does not decide the verdict",
}
_KINDS = {
    "exact": "exact: outputs must be equal bit for bit",
    "rounded": "rounded: outputs must be equal within a derived "
    "[rounding bound](/explanation/tolerances.md)",
}


def law_pages() -> dict[str, str]:
    """Return a page for each law, by its path without a suffix, and one for each family."""
    return {
        **_family_pages("laws", load_catalogue().laws, all_faults(), _doc_of_family),
        **_family_pages("audit-laws", AUDIT_LAWS, all_planted(), lambda _family: ""),
    }


def _family_pages(
    folder: str, laws: Sequence[LawFacts], faults: Sequence[Any], doc: Any
) -> dict[str, str]:
    pages = {}
    kept = measured("default")
    for family in dict.fromkeys(law.family for law in laws):
        of_family = [law for law in laws if law.family == family]
        pages[f"reference/{folder}/{family}/index"] = page(
            family.replace("_", " ").capitalize(),
            doc(family),
            _listed(of_family),
        )
        for law in of_family:
            caught = [fault for fault in faults if law.name in fault.kills]
            alone = kept.alone.get(law.name, ()) if kept is not None else ()
            pages[f"reference/{folder}/{family}/{law.name}"] = _law_page(law, caught, alone)
    return pages


def _listed(laws: Iterable[LawFacts]) -> str:
    return "\n".join(f"* [`{law.name}`]({law.name}.md)\\\n  {prose(law.statement)}" for law in laws)


def _doc_of_family(family: str) -> str:
    modules = importlib.import_module("tnverify.properties").FAMILIES
    doc = next(each.__doc__ for each in modules if each.LAWS[0].family == family)
    return "\n\n".join(map(prose, doc.split("\n\n")))


def _law_page(law: LawFacts, caught: Sequence[Any], alone: Sequence[str]) -> str:
    declared = [
        ("level", _LEVELS[law.level]),
        ("compared", _KINDS[law.kind]),
        ("source", prose(law.source)),
        *_asked(law),
    ]
    # Orphans: they are reached from the list of their family. A sidebar of 180 pages on each of
    # 180 pages would help nobody, and take minutes to build.
    family = law.family.replace("_", " ")
    explained = [part.replace(law.remedy, "").rstrip() for part in law.explanation]
    return "---\norphan: true\n---\n\n" + page(
        law.name.replace("_", " ").capitalize(),
        f"`{law.name}`, of the family [{family}](index.md)",
        f"**{prose(law.statement)}**",
        *map(prose, explained),
        f"## Why it matters\n\n{prose(law.why)}" if law.why else "",
        f"## What to change\n\n{prose(law.remedy)}" if law.remedy else "",
        "## Declaration",
        table(("what", "is"), declared),
        _caught(caught, alone),
    )


def _asked(law: LawFacts) -> list[tuple[str, str]]:
    """Return rows on what the law is asked of."""
    if not isinstance(law, Law):
        facts: Any = law
        return [("asked of", ", ".join(facts.asks)), ("under the claims", ", ".join(facts.claims))]
    rows = []
    left_out: dict[str, list[str]] = {}
    for name, scheme in SCHEMES.items():
        why = law.claimed(Claims(scheme))
        if why is not None:
            left_out.setdefault(why, []).append(f"`{name}`")
    for why, names in left_out.items():
        rows.append(("not asked of", f"{', '.join(names)}: {prose(why)}"))
    if law.needs:
        rows.append(("needs a handle on", ", ".join(f"`{each}`" for each in law.needs)))
    if law.thorough_only:
        rows.append(("profile", "`thorough` alone"))
    if law.lanes != ("float64", "native"):
        which = {"float64": "float64", "native": "the layer's own dtypes"}
        rows.append(("precision", ", ".join(which[lane] for lane in law.lanes)))
    return rows


def _caught(caught: Sequence[Any], alone: Sequence[str]) -> str:
    if not caught:
        return ""
    rows = (
        (
            f"`{each.name}`. {prose(each.story)}"
            + (" *No other law catches it.*" if each.name in alone else ""),
            _with_issues(prose(each.source)),
        )
        for each in caught
    )
    return "## Planted faults that it catches\n\n" + table(
        ("what is wrong with the layer or learner", "seen in, or written because of"), rows
    )


def _with_issues(text: str) -> str:
    """Return the text with issues that it names, such as `owner/name issue 7`, as links."""
    issue = re.compile(r"(?:github\.com/)?(?P<home>[\w.-]+/[\w.\\-]+) issue (?P<number>\d+)")

    def link(found: re.Match[str]) -> str:
        home = found["home"].replace("\\", "")
        return f"[{found[0]}](https://github.com/{home}/issues/{found['number']})"

    return issue.sub(link, text)


def families(folder: str, laws: Sequence[LawFacts]) -> str:
    """Return the list of families of laws, with what each asks."""
    names = tuple(dict.fromkeys(law.family for law in laws))
    rows = []
    for family in names:
        of_family = [law for law in laws if law.family == family]
        title = family.replace("_", " ").capitalize()
        examples = prose(of_family[0].statement)
        rows.append((f"[{title}]({folder}/{family}/index.md)", str(len(of_family)), examples))
    listed = table(("family", "laws", "the first of them"), rows)
    toc = contents((f"{folder}/{family}/index" for family in names), hidden=True)
    return f"{listed}\n\n{toc}"


def schemes() -> str:
    """Return each scheme with its equation, and whom its outputs read."""
    parts = []
    for scheme in SCHEMES.values():
        found = formula(scheme.name)
        flow = f"A target reads {_readers(scheme.target_reads)}."
        if scheme.context_reads != scheme.target_reads:
            flow += f" A context item reads {_readers(scheme.context_reads)}."
        if scheme.trains_as not in (None, scheme.name):
            flow += f" In meta-training moments are those of `{scheme.trains_as}`."
        parts += [f"## `{scheme.name}`", f"{prose(scheme.title[:1].upper() + scheme.title[1:])}."]
        if found is not None:
            parts.append(mathml(found[0]))
            parts.append(prose(f"{found[1]}.") if found[1] else "")
        parts += [flow, f"Source: {prose(scheme.source)}."]
    parts += ["## Modifiers", ", ".join(f"`{each}`" for each in MODIFIERS) + "."]
    return "\n\n".join(part for part in parts if part)


_READ = {
    "itself": "itself",
    "context": "the context",
    "other_targets": "the other targets",
    "past": "the tasks of meta-training",
}


def _readers(sources: frozenset[str]) -> str:
    return joined([words for name, words in _READ.items() if name in sources])


def settings(table_name: str) -> str:
    """Return the keys of `[tool.tnverify]`, or of one subject of it, from their schema."""
    from tnverify.doors.project import schema

    found = schema()["$defs"][table_name]
    options = _options()
    rows = []
    for key, value in found["properties"].items():
        option = options.get(key)
        kind = _choices(option) if value.get("type") == "string" else ""
        default = _default(value, key in found["required"])
        rows.append((f"`{key}`", kind or _kind(value), default, _says(key, option)))
    return table(("key", "value", "default", "what it says"), rows)


_SAID = {
    "spec": "The layer, as on the command line.",
    "subjects": "SPECs, or tables with the keys below.",
    "waivers": "Known failures: [a waiver](/how-to/waive.md).",
}
"""Describe keys that are no options of the command line, or mean more than these."""


def _options() -> dict[str, click.Option]:
    """Return the options of `tnverify verify`, by the key that says the same."""
    from tnverify.cli.verify import command

    found = [option for option in command.params if isinstance(option, click.Option)]
    return {
        name.replace("_", "-"): option
        for option in found
        for name in (f"{option.name}s", option.name or "")
    }


def _choices(option: click.Option | None) -> str:
    """Return the words of which an option takes one, nothing where it takes others."""
    words = [] if option is None else (option.metavar or "").split("|")
    return ", ".join(f"`{each}`" for each in words) if words[1:] else ""


def _says(key: str, option: click.Option | None) -> str:
    help_ = "" if option is None else option.help or ""
    return _SAID.get(key) or prose(help_.removesuffix(" Repeatable."))


def _kind(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        kinds = [_kind(each) for each in value["anyOf"] if each.get("type") != "null"]
        return " or ".join(kinds)
    if "enum" in value:
        return " or ".join(f'`"{each}"`' for each in value["enum"])
    if "$ref" in value:
        return "table"
    if value["type"] == "array":
        return f"list of {_kind(value['items'])}s"
    kind = {"object": "table"}.get(value["type"], value["type"])
    return f"{kind} >= {value['minimum']}" if "minimum" in value else str(kind)


def _default(value: dict[str, Any], required: bool) -> str:
    if required:
        return "required"
    default = value.get("default")
    if default is None:
        return "not said"
    if default in ([], {}):
        return "none"
    return f'`"{default}"`' if isinstance(default, str) else f"`{default}`"


def profiles() -> str:
    """Return what each profile spends, and what it was measured to catch."""
    from tnverify.engine.profiles import PROFILES
    from tnverify.report.budget import at_most, caught

    rows = []
    for profile in PROFILES.values():
        kept = measured(profile.name)
        what = prose(f"{caught(kept)} ({kept.command})") if kept is not None else "not measured"
        rare = f"{at_most(profile.tasks):.1%}".replace("%", " %")
        rows.append((f"`{profile.name}`", str(profile.tasks), rare, what))
    heads = ("profile", "tasks a law", "sees what shows in over", "caught when last measured")
    return table(heads, rows)


def commands() -> str:
    """Return every command with its options, as sphinx-click shows it."""
    from tnverify.cli.main import _MODULES, COMMANDS

    shown = (
        f".. click:: tnverify.cli.{_MODULES.get(name, name)}:command\n   :prog: tnverify {name}\n"
        for name in COMMANDS
    )
    return "```{eval-rst}\n" + "\n".join(shown) + "```"


def adapters() -> str:
    """Return the adapters that ship, each with its summary."""
    from tnverify.subjects.adapters import ADAPTERS

    return table(
        ("adapter", "how the layer is called"),
        ((f"`{each.name}`", prose(each.summary)) for each in ADAPTERS.values()),
    )
