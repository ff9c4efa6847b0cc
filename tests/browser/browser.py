"""A real Chromium, logged in: what the tests and the pictures in the documentation look with."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

    from tests.browser.site import Site

_OPTIONS = (
    "--no-sandbox",  # Chromium refuses its sandbox to root, and containers have no other user
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def executable() -> str | None:
    """Return Chromium's program; None if this machine has none."""
    named = os.environ.get("CHRONOS_TEST_CHROMIUM")
    return named or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser; end it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(_OPTIONS))
        yield browser
        browser.close()


def logged_in(browser: Browser, site: Site, **options: Any) -> BrowserContext:
    """Return a context with the administrator's session."""
    context = browser.new_context(base_url=site.address, **options)
    credentials = {"username": "admin", "password": site.password}
    answer = context.request.post("/auth/token", data=credentials)
    assert answer.ok, answer.text()
    token = answer.json()["access_token"]
    context.add_cookies([{"name": "_token", "value": token, "url": site.address}])
    return context
