"""report.html as its readers meet it: in a browser, in the dark, by keyboard, on a telephone, on paper."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.browser.axe import script, violations
from tests.browser.chromium import Page, browser

from hubproof.record import RunRecord
from hubproof.reporting import write_views
from hubproof.resources import root

EXAMPLE = root() / "reports" / "example"
_OPENED = "for (const one of document.querySelectorAll('details')) one.open = true"
_SHOWN = "[...document.querySelectorAll('details.check:not([hidden])')].map(one => one.id)"
_HERE = "document.activeElement.closest('details.check')?.id ?? document.activeElement.tagName"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """Lend the one page of one browser."""
    with browser() as lent:
        yield lent


@pytest.fixture(autouse=True)
def usual(page: Page) -> None:
    """Start each test by day at a desk."""
    page.show()


@pytest.fixture(scope="session")
def axe() -> str:
    """Lend axe-core's script."""
    return script()


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report with a check of every verdict, evil texts, and something in each of its parts."""
    folder = tmp_path_factory.mktemp("full")
    text = (root() / "tests" / "unit" / "formats" / "report-1.json").read_text(encoding="utf-8")
    (folder / "report.json").write_text(text, encoding="utf-8")
    (folder / "log.txt").write_text("a line of the log <b>of</b> 80 characters and more\n" * 1_000, encoding="utf-8")
    write_views(RunRecord.load(folder), folder)
    return folder / "report.html"


@pytest.fixture(scope="session")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report of 1,000 checks, every third of which failed."""
    folder = tmp_path_factory.mktemp("thousand")
    record = RunRecord.load(EXAMPLE)
    passed = next(one for one in record.checks if one.verdict == "pass")
    failed = next(one for one in record.checks if one.verdict == "fail")
    checks = [
        (passed if n % 3 else failed).model_copy(update={"id": f"x{n % 9}.c{n}", "family": f"x{n % 9}"})
        for n in range(1_000)
    ]
    write_views(record.model_copy(update={"checks": checks}), folder)
    return folder / "report.html"


@pytest.fixture(params=["example", "full", "thousand"])
def any_report(request: pytest.FixtureRequest) -> Path:
    """Return each report in turn."""
    if request.param == "example":
        return EXAMPLE / "report.html"
    report: Path = request.getfixturevalue(request.param)
    return report


def test_it_asks_the_network_for_nothing_and_the_console_stays_empty(page: Page, any_report: Path) -> None:
    page.open(any_report).run(_OPENED)
    page.run("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")
    assert [one for one in page.requests if not one.startswith("data:")] == []
    assert page.complaints == []
    assert not [one for one in page.events if one["method"] == "Page.javascriptDialogOpening"], "an evil text ran"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 375])
@pytest.mark.parametrize("report", ["example", "full"])
def test_axe_finds_nothing(page: Page, axe: str, full: Path, report: str, width: int, scheme: str) -> None:
    page.show(scheme=scheme, width=width)
    page.open(full if report == "full" else EXAMPLE / "report.html").run(_OPENED)
    assert violations(page, axe) == []


def test_axe_finds_nothing_in_the_list_of_keys(page: Page, axe: str) -> None:
    page.open(EXAMPLE / "report.html").press("?")
    assert page.run("document.getElementById('keys').open") is True
    assert violations(page, axe) == []


def test_axe_would_have_found_something(page: Page, axe: str) -> None:
    page.open(EXAMPLE / "report.html").run("document.querySelector('input').removeAttribute('aria-label')")
    page.run("document.querySelector('input').removeAttribute('placeholder')")
    page.run("document.querySelector('summary .must').style.color = '#ddd'")
    found = " ".join(violations(page, axe))
    assert "label: input" in found
    assert "color-contrast: " in found


def test_a_reader_of_one_failed_check_needs_no_other_source(page: Page) -> None:
    record = RunRecord.load(EXAMPLE)
    failed = next(one for one in record.checks if one.verdict == "fail" and one.repeat)
    page.open(EXAMPLE / "report.html")
    said = " ".join(page.run(f"document.getElementById({json.dumps(failed.name)}).innerText").split())
    for part in (failed.must, failed.promised, failed.observed, failed.remedy, failed.repeat, failed.criterion):
        assert " ".join(part.split()) in said
    verdict = page.run("document.querySelector('header').getBoundingClientRect().bottom")
    acts = page.run("document.querySelector('.acts').getBoundingClientRect().bottom")
    assert verdict < acts <= 900, "verdict, criteria and what to act on stand on the first screen"


def test_keys_move_open_and_filter(page: Page, full: Path) -> None:
    page.open(full)
    ids = page.run(_SHOWN)
    page.press("j")
    assert page.run(_HERE) == ids[0]
    page.press("j", "ArrowDown", "k")
    assert page.run(_HERE) == ids[1]
    was = page.run("document.activeElement.closest('details').open")
    page.press("Enter")
    assert page.run("document.activeElement.closest('details').open") is not was
    page.press("n")
    green = ("spawn.pass", "spawn.not-applicable")
    assert not page.run(_HERE).startswith(green)
    page.press("/")
    assert page.run(_HERE) == "INPUT"
    page.press(*"known")
    assert page.run(_SHOWN) == ["spawn.known[one]"]
    page.press("Enter")
    assert page.run(_HERE) == "spawn.known[one]"
    page.press("Escape")
    assert page.run(_SHOWN) == ids
    page.press("o")
    assert page.run("checks.every(one => one.open)") is True
    page.press("?")
    assert page.run("document.getElementById('keys').open") is True
    page.press("Escape")
    assert page.run("document.getElementById('keys').open") is False


def test_the_first_tab_skips_to_the_results(page: Page, full: Path) -> None:
    page.open(full).press("Tab")
    assert page.run("document.activeElement.className") == "skip"
    page.press("Enter")
    assert page.run("document.activeElement.id") == "main"


def test_filters_by_verdict_criterion_and_words_narrow_together(page: Page, thousand: Path) -> None:
    page.open(thousand)
    assert len(page.run(_SHOWN)) == 1_000
    page.run("document.querySelector('button[data-verdict=fail]').click()")
    assert len(page.run(_SHOWN)) == 334
    assert page.run("document.getElementById('narrowed').textContent") == "334 of 1000 checks shown"
    page.run("search.value = 'x0.c9'; search.dispatchEvent(new Event('input'))")
    shown = page.run(_SHOWN)
    assert shown == [f"x0.c{n}" for n in range(1_000) if n % 9 == 0 and n % 3 == 0 and str(n).startswith("9")]
    page.run("document.querySelector('button[data-verdict=fail]').click()")
    assert set(shown) <= set(page.run(_SHOWN))
    page.run("document.querySelector('button[data-criterion]:not(:disabled)').click()")
    assert page.run("document.querySelectorAll('[aria-pressed=true]').length") == 1


@pytest.mark.parametrize("link", ["#spawn.known%5Bone%5D", "#spawn.known"])
def test_a_link_opens_its_check_even_when_a_filter_hid_it(page: Page, full: Path, link: str) -> None:
    page.open(full, link)
    assert page.run("document.getElementById('spawn.known[one]').open") is True
    page.run("search.value = 'nothing has this'; search.dispatchEvent(new Event('input'))")
    assert page.run(_SHOWN) == []
    for place in ("#nothing", link):
        page.run(f"new Promise(done => {{ onhashchange = () => done(); location.hash = {place!r} }})")
    assert "spawn.known[one]" in page.run(_SHOWN)
    assert page.run(_HERE) == "spawn.known[one]"


def test_paper_has_what_is_to_act_on_and_no_buttons(page: Page, full: Path) -> None:
    page.open(full)
    page.run("for (const one of checks) one.open = false")
    page.run("addEventListener('beforeprint', () => { opened = checks.filter(one => one.open).map(one => one.id) })")
    pdf = page.printed()
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
    verdicts = {one.removeprefix("spawn.").removesuffix("[one]") for one in page.run("opened")}
    assert verdicts == {"fail", "error", "could-not-run", "inconclusive", "known"}
    assert page.run("checks.some(one => one.open)") is False, "and on the screen all is as it was"
    page.show(scheme="dark", media="print")
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("[...document.querySelectorAll('.tools, dialog, .skip')].some(one => one.offsetParent)") is False


def test_a_telephone_scrolls_one_way_only(page: Page, any_report: Path) -> None:
    page.show(width=375, height=667)
    page.open(any_report).run(_OPENED)
    assert page.run("document.documentElement.scrollWidth") <= 375


def test_pictures_are_not_blank_and_the_dark_one_is_dark(page: Page, full: Path, tmp_path: Path) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        page.show(scheme=scheme)
        page.open(full)
        picture = page.picture()
        (tmp_path / f"{scheme}.png").write_bytes(picture)
        colours, brightness[scheme] = looked_at(page, picture)
        assert colours > 100
    assert brightness["light"] > 200
    assert brightness["dark"] < 60


def looked_at(page: Page, picture: bytes) -> tuple[int, float]:
    """Return how many colours a picture has, and its mean brightness from 0 to 255; the browser reads it."""
    data = base64.b64encode(picture).decode()
    seen = page.run(f"""(async () => {{
      const image = new Image(); image.src = "data:image/png;base64,{data}"; await image.decode();
      const canvas = new OffscreenCanvas(image.width, image.height), pen = canvas.getContext("2d");
      pen.drawImage(image, 0, 0);
      const points = new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer);
      let sum = 0; for (const one of points) sum += (one & 255) + (one >> 8 & 255) + (one >> 16 & 255);
      return [new Set(points).size, sum / 3 / points.length];
    }})()""")
    return int(seen[0]), float(seen[1])


def test_the_theme_button_turns_what_the_reader_sees(page: Page, full: Path) -> None:
    page.open(full)
    light = page.run("getComputedStyle(document.body).backgroundColor")
    page.press("t")
    dark = page.run("getComputedStyle(document.body).backgroundColor")
    page.run("document.getElementById('theme').click()")
    assert page.run("getComputedStyle(document.body).backgroundColor") == light != dark


def test_the_grid_shows_promised_against_observed(page: Page, full: Path) -> None:
    page.open(full)
    cells = page.run(
        "[...document.querySelectorAll('.grid tbody tr')].map(one => one.innerText.split(/\\s+/).join(' '))"
    )
    assert cells[0] == "hub hub:8081/tcp open ✓ open after 0 ms"
    assert "closed ? timeout after 2000 ms · unclear: no endpoint is ready" in cells[1]
