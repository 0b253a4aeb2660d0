"""The page of a run: what a reader meets first, that nothing leaves it, and that it stays small."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import browser
import handmade
import pytest

from tnverify.catalogue import load_catalogue
from tnverify.engine.results import Boundary, Counterexample, Effect, Flow, LawVerdict
from tnverify.report.as_html import framed, to_html
from tnverify.report.plain import sentence
from tnverify.report.verification.drawing import MOST_VALUES, drawn
from tnverify.report.verification.reading import LEAK, MAY, MISSING, MUST, UNKNOWN, ZERO, marks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from tnverify.engine.results import RunReport, SubjectReport

FLOWS = (
    Flow("itself", "target", "reads", "must"),
    Flow("context", "target", "exactly_zero", "must"),
    Flow("other_targets", "target", "reads", "may_not"),
    Flow("past", "target", "exactly_zero", "may"),
    Flow("itself", "context", "reads", "must"),
    Flow("context", "context", "reads", "may"),
    Flow("targets", "context", "not_measured", "may_not"),
    Flow("past", "context", "exactly_zero", "may_not"),
)

EXAMPLE = Counterexample(
    plan={"lane": "float64"},
    context=[[[[0.0, -1.5]]], [[[1.0, 4.0]]]],
    targets=[[[["NaN", 1e-9]]]],
    boundary=(Boundary("context", (2, 3, 4), (1,), (5,)), Boundary("targets", (1, 2, 3))),
    reproducer="print('it fails')  # <b>\n" * 20,
    verified=True,
    summary="context [[0, -1.5], [1, 4]], target [[nan, 1e-09]]",
    calls=("layer 1: condition [0] -> [0]",),
    effect=0.5,
    standalone="import torch\n",
)


def leaky(spec: str = "layers.py:Leaky") -> SubjectReport:
    """A layer with a failure that has all that a failure can have."""
    subject = handmade.transductive()
    first, *others = subject.laws
    law = replace(first.law.facts, why="It matters, for `x`.", remedy="Change `eval()`.")
    told = replace(first, law=law, counterexample=EXAMPLE, effect=Effect(2.0, 0.5, 12))
    return replace(subject, spec=spec, laws=(told, *others), flows=FLOWS)


def full(spec: str = "layers.py:Leaky", *, failing: int = 4) -> SubjectReport:
    """A layer with every law of the catalogue, as many as wanted failing."""
    laws = [
        LawVerdict(
            law.facts, "violated", "values differ, first at [0, 0]: 1.5 where 1.0 was expected",
            counterexample=EXAMPLE, expected="[1]", actual="[1.5]",
        )
        if number < failing
        else LawVerdict(law.facts, "held", held_as="rounded", examples=32, margin=0.0123)
        for number, law in enumerate(load_catalogue())
    ]  # fmt: skip
    return replace(leaky(spec), laws=tuple(laws), causes=())


class Page(HTMLParser):
    """The tags of a page, its ids, and what its links lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])] if "href" in given else []
        assert not any(name.startswith("on") for name in given), given
        if tag not in ("meta", "link", "input", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


RUNS = {
    "all": handmade.run_of(
        leaky(), handmade.transductive(), handmade.conforming(), handmade.inconclusive(),
        handmade.unusable(),
    ),
    "evil": handmade.hostile(),
    "none": handmade.run_of(),
    "twice": handmade.run_of(leaky("a"), leaky("a"), full("b")),
}  # fmt: skip


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_the_page_is_well_formed_and_nothing_leaves_it(run: RunReport) -> None:
    text = to_html(run)
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("script") == 1
    assert page.tags.count("img") == 0
    assert "default-src 'none'" in text
    for link in page.links:
        assert link.startswith("data:") or link[1:] in page.ids, link


def test_the_first_words_are_a_plain_sentence_on_each_layer() -> None:
    text = to_html(RUNS["all"])
    head = text[: text.index('id="reads"')]
    leak = (
        "Reads other targets: accuracy measured on whole target sets will not be had where targets"
        " come one item at a time."
    )
    assert leak in head
    assert "Does what it claims (meta_bn): targets read the context and no other target." in head
    assert "It could not be used: nowhere does not import" in head
    # What is worst comes first, whatever the order of the run.
    places = [head.index(f'badge is-{tone}">{word}') for tone, word in (
        ("bad", "violates"), ("unsure", "unusable"), ("unsure", "inconclusive"),
        ("good", "conforms"),
    )]  # fmt: skip
    assert places == sorted(places)


def test_a_failure_says_why_what_to_change_how_much_and_shows_its_task() -> None:
    text = to_html(handmade.run_of(leaky()))
    for part in (
        "Does not hold: a target&#39;s output is the same whatever the other targets are.",
        "<b>Why it matters.</b> It matters, for <code>x</code>.",
        "<b>What to change.</b> Change <code>eval()</code>.",
        "Replacing other targets moves an output by up to 2, median 0.5, over 12 tasks.",
        '<td class="n3">−1.5</td>',
        '<td class="p9">4</td>',
        '<td class="x">NaN</td>',
        '<td class="p0">1e−9</td>',
        '<dd class="right">[0]</dd>',
        '<dd class="came">[0.7071]</dd>',
        'aria-label="fails for 2 to 4 context items, passes for 1 context item, cannot be decided',
        "It fails for every number of targets that was tried.",
        "print(&#39;it fails&#39;)  # &lt;b&gt;",
        "The same calls in plain torch, without tnverify",
        'id="s1-a_target_ignores_the_other_targets"',
        'href="#law-a_target_ignores_the_other_targets"',
    ):
        assert part in text, part


def test_who_is_read_is_marked_as_it_was_found_and_claimed() -> None:
    found = marks(leaky())
    assert found == (MUST, MISSING, LEAK, ZERO, MUST, MAY, UNKNOWN, ZERO)
    assert marks(handmade.unusable()) == ()
    text = to_html(handmade.run_of(leaky(), handmade.unusable()))
    assert '<td class="t-bad" title="reads and may not">' in text
    assert "not measured</td>" in text


def test_sets_are_drawn_item_by_item_on_one_scale() -> None:
    context, targets = drawn([[1.0, -2.0], [0.0, 4.0]], [[0.5, 0.0]])
    assert [item.label for item in context.items] == ["item 0", "item 1"]
    assert [cell.text for cell in context.items[0].grids[0].rows[0]] == ["1", "−2"]
    assert [cell.tone for cell in targets.items[0].grids[0].rows[0]] == ["p1", "p0"]
    (maps, _) = drawn([[[[1.0]], [[2.0]]]], [[[[0.0]], [[0.0]]]])
    assert [grid.label for grid in maps.items[0].grids] == ["channel 0", "channel 1"]
    (volume,) = drawn([[[[[1.0]], [[2.0]]]]], [])
    assert [grid.label for grid in volume.items[0].grids] == ["slice 0", "slice 1"]
    (sequence,) = drawn([[[1.0, 2.0], [3.0, 4.0]]], [])
    assert [len(row) for row in sequence.items[0].grids[0].rows] == [2, 2]
    assert drawn([], []) == ()
    assert drawn([[0.0]] * (MOST_VALUES + 1), []) == ()
    assert drawn([["Infinity"]], [["-Infinity"]])[1].items[0].grids[0].rows[0][0].text == "−∞"


@pytest.mark.parametrize("failing", [0, 4, 60])
def test_twenty_layers_take_at_most_a_megabyte(failing: int) -> None:
    subjects = [full(f"layers.py:Layer{n}(channels)", failing=failing) for n in range(20)]
    text = to_html(handmade.run_of(*subjects))
    assert len(text.encode()) <= 1_000_000
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    # Whatever is left out of it, no failure is, and the page says what.
    for number in range(1, 21):
        assert sum(name.startswith(f"s{number}-") for name in page.ids) >= failing
    assert ("are left out; the report as JSON has them" in text) == (failing > 0)


def test_a_notebook_shows_the_page_in_a_frame_of_its_own() -> None:
    run = handmade.run_of(leaky())
    frame = run._repr_html_()
    assert frame == framed(run)
    assert frame.startswith("<iframe ")
    assert frame.count("<") == 2
    assert 'sandbox="allow-scripts"' in frame


def test_plain_sentences_say_what_a_layer_does() -> None:
    titled = replace(
        leaky(), flows=(), fingerprint=None,
        causes=(replace(leaky().causes[0], title="draws random numbers"),),
    )  # fmt: skip
    assert sentence(titled) == "The layer draws random numbers."
    other = replace(titled, causes=(), laws=titled.laws[1:2])
    assert sentence(other).startswith("Does not hold: the output of one target has no gradient")
    why = replace(other.laws[0], law=replace(other.laws[0].law.facts, why="So it is."))
    assert sentence(replace(other, laws=(why,))) == "So it is."
    waived = replace(leaky(), verdict="conforms", scheme="inductive", laws=())
    assert sentence(waived).startswith("No law fails that counts, but it reads other targets: ")
    two = replace(other, laws=titled.laws[:2])
    assert sentence(two).endswith("One other thing is wrong, too.")


needs_browser = pytest.mark.skipif(
    browser.CHROMIUM is None or browser.DRIVER is None, reason="there is no chromium here"
)


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with browser.opened() as driver:
        yield driver


@needs_browser
def test_the_page_fits_a_phone_and_a_desk_and_asks_for_nothing(tmp_path: Path, driver: Any) -> None:
    run, evil = RUNS["all"], RUNS["evil"]
    page = tmp_path / "page.html"
    subjects = (*run.subjects, full(), *evil.subjects, replace(full("x" * 400 + ".py:Long")))
    page.write_text(to_html(replace(run, subjects=subjects)), encoding="utf-8")
    browser.requests(driver)
    for width in (390, 1280):
        for dark in (False, True):
            browser.sized(driver, width, dark=dark)
            driver.get(page.as_uri())
            driver.execute_script(
                "document.querySelectorAll('details').forEach(each => { each.open = true; })"
            )
            wide = driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{wide} pixels in a window of {width}"
    assert [entry["message"] for entry in driver.get_log("browser")] == []
    assert set(browser.requests(driver)) <= {page.as_uri()}


@needs_browser
def test_links_open_what_they_lead_to_filters_hide_and_programs_are_copied(
    tmp_path: Path, driver: Any
) -> None:
    page = tmp_path / "page.html"
    page.write_text(to_html(RUNS["all"]), encoding="utf-8")
    browser.sized(driver, 1280)
    law = "a_conditioned_layer_can_be_copied"
    driver.get(f"{page.as_uri()}#law-{law}")
    assert driver.execute_script(f"return document.getElementById('law-{law}').open")

    def shown(query: str) -> int:
        count: int = driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].filter("
            "each => each.getClientRects().length).length", query
        )  # fmt: skip
        return count

    def choose(name: str, value: str) -> None:
        driver.execute_script(
            "const field = document.querySelector(`form.filter [name=${arguments[0]}]`);"
            "field.value = arguments[1]; field.dispatchEvent(new Event('input', {bubbles: true}));",
            name, value,
        )  # fmt: skip

    assert shown(".verdicts li") == 5
    choose("verdict", "violates")
    assert (shown(".verdicts li"), shown("table.reads tbody tr")) == (2, 2)
    choose("subject", "LEAKY")
    assert (shown(".verdicts li"), shown("article.failure")) == (1, 1)
    choose("family", "moments")
    assert shown("article.failure") == 0
    choose("family", "transductivity")
    assert shown("article.failure") == 1
    driver.execute_script(
        "window.copied = []; document.execCommand = () => { window.copied.push("
        "getSelection().toString()); return true; };"
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text => {"
        "window.copied.push(text); }}, configurable: true});"
        "document.querySelector('.program').open = true; document.querySelector('.copy').click();"
    )
    copied = driver.execute_async_script(
        "const done = arguments[0]; setTimeout(() => done(window.copied), 0)"
    )
    assert copied == [EXAMPLE.reproducer]
    assert [entry["message"] for entry in driver.get_log("browser")] == []


@needs_browser
def test_the_page_reads_without_its_script(tmp_path: Path, driver: Any) -> None:
    text = re.sub(r"<script>.*</script>", "", to_html(RUNS["all"]), flags=re.DOTALL)
    page = tmp_path / "page.html"
    page.write_text(text, encoding="utf-8")
    browser.sized(driver, 1280)
    driver.get(page.as_uri())
    seen = driver.execute_script("return document.body.innerText")
    assert "Reads other targets" in seen
    assert "Does not hold" in seen
    assert "part of its name" not in json.dumps(seen)
    hidden = "return getComputedStyle(document.querySelector('form.filter')).display"
    assert driver.execute_script(hidden) == "none"
