"""Pages in a real browser: nothing that axe finds serious, nothing beside the screen.

Needs Chromium, and axe-playwright-python with its Playwright; else these are skipped.  The pages of
the documentation are looked at where they have been built: docs/_build.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

from pyl2.__main__ import main  # noqa: E402

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
ALONE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FEW = ("--epochs", "3", "--hidden", "4", "--quiet")
REPORTS = {
    "path": ("path", *FEW, "--l2", "0,1,10", "--evidence", "--cv", "2"),
    "chosen": ("train", "--dataset", "wine", *FEW, "--cv", "2"),
    "penalty": ("train", "--l2", "5", *FEW),
    "ensemble": ("train", "--ensemble", "2", "--hidden", "4", "--quiet"),
    "compare": (
        "compare",
        "--quiet",
        "--evaluations",
        "200",
        "--methods",
        "adam,pso",
        "--seeds",
        "1",
    ),
}
BUILT = Path(__file__).parent.parent / "docs" / "_build"
DOCS = [
    f"{page.stem}.html" for page in sorted(BUILT.parent.glob("*.*")) if page.suffix != ".py"
] + [
    "generated/tutorial/index.html",
    "generated/tutorial/plot_01_small_weights.html",
    "generated/tutorial/plot_13_trainbr.html",
    "generated/examples/plot_fits.html",
]


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        yield started
        started.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """The pages that each command writes."""
    folder = tmp_path_factory.mktemp("reports")
    for name, argv in REPORTS.items():
        assert main([*argv, "--report", str(folder / f"{name}.html")]) == 0
    return folder


def opened(browser, path, width, scheme):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(path.as_uri())
    return page


def faults(page):
    """What axe calls serious or critical."""
    found = axe.Axe().run(page).response["violations"]
    return [
        (one["id"], one["nodes"][0]["html"][:200])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


SCREENS = pytest.mark.parametrize(
    ("width", "scheme"), [(1200, "light"), (1200, "dark"), (390, "light"), (390, "dark")]
)


@SCREENS
@pytest.mark.parametrize("name", REPORTS)
def test_reports_can_be_read_by_everybody(browser, reports, name, width, scheme):
    page = opened(browser, reports / f"{name}.html", width, scheme)
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize(("scheme", "brightness"), [("light", 1.0), ("dark", 0.09)])
def test_pictures_are_as_dark_as_the_page(browser, reports, scheme, brightness, tmp_path):
    """The background of a picture is that of the page, and its letters stand out from it."""
    image = pytest.importorskip("matplotlib.image")
    page = opened(browser, reports / "path.html", 1200, scheme)
    page.locator("img").first.screenshot(path=tmp_path / "one.png")
    grey = image.imread(tmp_path / "one.png")[..., :3].mean(axis=-1)
    assert np.median(grey) == pytest.approx(brightness, abs=0.02)
    assert np.ptp(grey) > 0.6
    page.context.close()


def test_pictures_are_as_wide_as_their_column(browser, reports):
    page = opened(browser, reports / "path.html", 1200, "light")
    column = page.locator("section").first.bounding_box()["width"]
    for picture in page.locator("img").all():
        assert picture.bounding_box()["width"] == pytest.approx(column, abs=1)
    page.context.close()


def test_what_scrolls_says_so_on_a_phone(browser, reports):
    page = opened(browser, reports / "path.html", 390, "light")
    wide = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth)"
    assert page.evaluate(f"{wide}.length") == page.locator(".wide").count()
    assert page.locator(".cue").first.is_visible()
    assert page.locator("caption").first.bounding_box()["width"] <= 390
    page.context.close()


def test_on_paper_nothing_scrolls(browser, reports):
    page = opened(browser, reports / "path.html", 700, "dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.wide')).overflowX") == "visible"
    assert not page.locator(".cue").first.is_visible()
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1200, "dark"), (390, "light")])
@pytest.mark.parametrize("name", DOCS)
def test_the_documentation_can_be_read_by_everybody(browser, name, width, scheme):
    if not (BUILT / name).exists():
        pytest.skip("the documentation has not been built")
    page = opened(browser, BUILT / name, width, scheme)
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()
