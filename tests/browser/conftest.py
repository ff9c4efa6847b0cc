"""One installation and one browser for all tests of the web interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from chronos_plugin.ui_views import bundle
from tests.browser import browser as browsers
from tests.browser import site as sites
from tests.browser.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@dataclass
class Heard:
    """What the pages complained of."""

    complaints: list[str] = field(default_factory=list)

    def listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None
        )


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    if bundle.load() is None:
        pytest.skip("the web interface is not built (make ui)")
    with sites.running() as running:
        yield running


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def look(site: Site, chromium: Browser, heard: Heard) -> Iterator[Callable[..., Page]]:
    """Open a page in a context of its own; at the end nothing may have complained, and no script of a tool run."""
    opened: list[Page] = []

    def open_page(path: str, *, width: int = 1280, height: int = 800, **options: Any) -> Page:
        options = {"viewport": {"width": width, "height": height}, "locale": "en-GB", **options}
        page = browsers.logged_in(chromium, site, **options).new_page()
        page.set_default_timeout(30_000)
        heard.listen(page)
        opened.append(page)
        page.goto(path.format(**site.runs))
        return page

    yield open_page
    for page in opened:
        assert page.evaluate("window.hacked") is None
        page.context.close()
    assert heard.complaints == []
