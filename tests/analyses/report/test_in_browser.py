"""Reports opened in a real browser, on a phone and on a desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import browser
import pytest
from made_up_reports import lay_out
from samples import each as sampled

from tnverify.analyses.programs.carrying_out import rebuild

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tnverify.analyses.programs.request import Request

pytestmark = [
    pytest.mark.skipif(browser.CHROMIUM is None, reason="there is no chromium on this machine"),
    pytest.mark.skipif(browser.DRIVER is None, reason="there is no chromedriver on this machine"),
]


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    with browser.opened() as driver:
        yield driver


@pytest.mark.parametrize("name", sampled(["claims", "accuracy"], 2))
def test_a_report_reads_well_and_asks_for_nothing(
    name: str, small: Request, tmp_path: Path, driver: Any
) -> None:
    lay_out(name, small, tmp_path)
    (written,) = rebuild([tmp_path], tmp_path)
    page = written.page.as_uri()
    browser.requests(driver)
    for width in (375, 1280):
        for dark in (False, True):
            browser.sized(driver, width, dark=dark)
            driver.get(page)
            assert problems(driver, width) == []
    assert [entry["message"] for entry in driver.get_log("browser")] == []
    assert {url for url in browser.requests(driver) if url != page} == set()


def test_an_overflow_an_error_and_a_request_are_noticed(tmp_path: Path, driver: Any) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<title>bad</title><meta name=viewport content='width=device-width'>"
        "<p style='width: 900px; font-size: 6px'>wide and small</p><img src='http://127.0.0.1:9/x'>"
        "<script>console.error('told')</script>"
    )
    browser.requests(driver)
    browser.sized(driver, 375)
    driver.get(page.as_uri())
    assert len(problems(driver, 375)) == 2
    assert any("told" in entry["message"] for entry in driver.get_log("browser"))
    assert "http://127.0.0.1:9/x" in browser.requests(driver)


def problems(driver: Any, width: int) -> list[str]:
    """What hurts: a page wider than its window, letters too small to read, figures of no size."""
    found = []
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    if wide > width:
        found.append(f"the page is {wide} pixels wide in a window of {width}")
    small = driver.execute_script(
        """
        const least = 6.5, small = [];
        for (const each of document.querySelectorAll("p, td, th, h1, h2, h3, dd, svg text")) {
          const svg = each.closest("svg");
          const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
          const size = parseFloat(getComputedStyle(each).fontSize) * scale;
          if (each.textContent.trim() && size < least)
            small.push(`${each.textContent.trim().slice(0, 30)}: ${size.toFixed(1)} px`);
        }
        return small;
        """
    )
    found += [f"too small: {each}" for each in small]
    empty = driver.execute_script(
        "return [...document.querySelectorAll('figure svg, figure img')].filter("
        "each => each.getBoundingClientRect().width < 100).length"
    )
    if empty:
        found.append(f"{empty} figures have no size")
    return found
