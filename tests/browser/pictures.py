"""The pictures of the web interface in ``docs/images``, taken anew: ``python -m tests.browser.pictures``."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import NamedTuple

from tests.browser.browser import chromium, executable, logged_in
from tests.browser.site import running

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
THEMES = ("light", "dark")


class Picture(NamedTuple):
    """What is shown, and what must stand on the page before the picture is taken."""

    name: str
    path: str
    ready: str


PICTURES = (
    Picture("ui-overview", "/chronos/ui/", ".chart canvas"),
    Picture("ui-runs", "/chronos/ui/runs?kind=step&state=FAIL", ".dt-row"),
    Picture("ui-run", "/chronos/ui/runs/swot_coverage/{swot_coverage}", ".react-flow__node"),
    Picture("ui-execution", "/chronos/ui/executions/fails/{fails}/fail/-1", ".logline"),
    Picture("ui-lineage", "/chronos/ui/lineage?dataset={dataset}&depth=2", ".react-flow__node"),
    Picture(
        "ui-in-airflow", "/dags/swot_coverage/runs/{swot_coverage}/plugin/chronos_run", ".react-flow__node"
    ),
)


def main() -> int:
    """Start an installation, take the pictures, stop it."""
    if executable() is None:
        print("there is no Chromium (.ci/services/chromium.sh)", file=sys.stderr)
        return 1
    with running() as site, chromium() as browser:
        for theme in THEMES:
            context = logged_in(browser, site, viewport={"width": 1280, "height": 800}, color_scheme=theme)
            query = f"/chronos/api/v1/datasets?text=SSH_Basic&type=SWOT_L2_LR_SSH_Basic&limit=200&since={_days_ago()}"
            found = context.request.get(query).json()["datasets"]
            names = {**site.runs, "dataset": str(found[-1]["id"])}
            page = context.new_page()
            for picture in PICTURES:
                page.goto(picture.path.format(**names))
                page.wait_for_selector(picture.ready)
                # Airflow's own page fades in; the graph is moved into sight.
                page.wait_for_timeout(1500)
                page.screenshot(path=IMAGES / f"{picture.name}-{theme}.png")
                print(f"{picture.name}-{theme}.png")
            context.close()
    return 0


def _days_ago() -> str:
    return f"{datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=4):%Y-%m-%d}"


if __name__ == "__main__":
    sys.exit(main())
