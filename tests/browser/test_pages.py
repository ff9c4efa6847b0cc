"""Each page of the web interface, in a real browser, with what the installation's own API answers."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from chronos_plugin.ui_views import bundle
from tests.browser import history
from tests.browser.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.airflow]
Look = Callable[..., Any]

CHECKOUT = Path(__file__).resolve().parents[2]
AXE = CHECKOUT / "ui_views" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = {
    "overview": ("/chronos/ui/", ".chart canvas"),
    "runs": ("/chronos/ui/runs", ".dt-row"),
    "graph": ("/chronos/ui/runs/swot_coverage/{swot_coverage}", ".react-flow__node"),
    "timeline": ("/chronos/ui/runs/swot_coverage/{swot_coverage}/timeline", ".lane"),
    "values": ("/chronos/ui/runs/swot_coverage/{swot_coverage}/values", ".parameters"),
    "source": ("/chronos/ui/runs/swot_coverage/{swot_coverage}/source", ".source li"),
    "execution": ("/chronos/ui/executions/fails/{fails}/fail/-1", ".logline"),
    "lineage": ("/chronos/ui/lineage", ".card li"),
    "start": ("/chronos/ui/start", ".card"),
    "form": ("/chronos/ui/start/scatter", ".react-flow__node"),
    "search": ("/chronos/ui/search?q=SSH", ".table"),
}
FIRST_PAGE = 500_000
"""Bytes that a browser loads, compressed, until the overview stands."""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_serious_is_wrong_for_people_who_cannot_see_it(look: Look, name: str, theme: str) -> None:
    path, ready = PAGES[name]
    page = look(path, color_scheme=theme, bypass_csp=True)
    page.wait_for_selector(ready)
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run('.chronos', { resultTypes: ['violations'] })")
    serious = [
        (v["id"], [n["target"] for n in v["nodes"]][:3], v["nodes"][0]["failureSummary"])
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert serious == []


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (3840, 2160)])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_the_window(look: Look, name: str, width: int, height: int) -> None:
    path, ready = PAGES[name]
    page = look(path, width=width, height=height)
    page.wait_for_selector(ready)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_overview_says_in_numbers_what_the_history_holds(look: Look) -> None:
    page = look("/chronos/ui/")
    page.wait_for_selector(".chart canvas")
    sentence = page.locator(".overview-sentence").inner_text()
    ended, failed = map(int, re.search(r"(\d+) ended, (\d+) failed", sentence).groups())  # type: ignore[union-attr]
    counts = _api(
        page, "runs/facets?kind=workflow&since=" + page.evaluate("new Date(Date.now() - 864e5).toISOString()")
    )
    assert ended >= 100
    assert failed == pytest.approx(counts["counts"]["state"]["FAIL"], abs=3)
    assert page.locator(".live").get_attribute("data-live") == "live"


def test_a_number_opens_what_it_counts(look: Look) -> None:
    page = look("/chronos/ui/")
    page.get_by_role("link", name=re.compile(r"\d+ failed")).click()
    page.wait_for_selector(".dt-row")
    assert "state=FAIL" in page.url
    assert page.locator(".dt-row .state").all_inner_texts()[0] == "failed"


def test_what_is_shown_is_greyed_when_the_server_is_gone(look: Look, heard: Any) -> None:
    page = look("/chronos/ui/runs")
    page.wait_for_selector(".dt-row")
    page.route("**/api/**", lambda route: route.abort())
    page.wait_for_selector(".live[data-live=lost]")
    assert page.locator(".dt-row").count() > 0
    page.unroute("**/api/**")
    page.wait_for_selector(".live[data-live=live]", timeout=90_000)
    heard.complaints = [c for c in heard.complaints if "ERR_FAILED" not in c]


def test_runs_are_narrowed_and_the_address_says_so(look: Look) -> None:
    page = look("/chronos/ui/runs?kind=step")
    page.get_by_role("group", name="Step").get_by_role("button", name=re.compile("L2_HR_PIXC")).first.click()
    page.wait_for_url("**step=L2_HR_PIXC**")
    page.wait_for_selector(".dt-row")
    again = page.context.new_page()
    again.goto(page.url)
    again.wait_for_selector(".dt-row")
    names = again.locator(".dt-row a").all_inner_texts()
    assert names
    assert set(names) == {"L2_HR_PIXC"}


def test_runs_are_read_on_as_one_scrolls(look: Look) -> None:
    page = look("/chronos/ui/runs?kind=step&period=365d")
    page.wait_for_selector(".dt-row")
    read = page.locator(".head [role=status]")
    assert "200 rows" in read.inner_text()
    page.evaluate("document.querySelector('.datatable').scrollTo(0, 1e6)")
    expect(read).not_to_have_text(re.compile("^200 "))
    assert page.locator(".dt-row").count() < 100, "rows out of sight are not drawn"


def test_keys_move_select_and_open(look: Look) -> None:
    page = look("/chronos/ui/")
    page.wait_for_selector(".bar")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_selector(".dt-row")
    for key in "jjx":
        page.keyboard.press(key)
    assert page.locator(".dt-row[data-chosen=true]").count() == 1
    page.keyboard.press("Enter")
    page.wait_for_url("**/records/**")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").is_visible()


def test_the_selection_is_exported(look: Look) -> None:
    page = look(f"/chronos/ui/runs?workflow={history.WORKFLOW}&state=FAIL")
    page.wait_for_selector(".dt-row")
    page.locator(".dt-row input").nth(0).check()
    page.locator(".dt-row input").nth(1).check()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["state"] for row in rows] == ["FAIL", "FAIL"]
    page.get_by_role("button", name=re.compile("select all that fit")).click()
    expect(page.locator(".selection strong")).not_to_have_text(re.compile("^2 "))
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    assert {run["state"] for run in json.loads(download.value.path().read_text())} == {"FAIL"}


def test_what_an_action_will_do_is_said_before_it_is_done(look: Look, site: Site) -> None:
    page = look("/chronos/ui/runs?state=FAIL")
    page.get_by_role("row").filter(has=page.get_by_role("link", name="fails", exact=True)).get_by_role(
        "checkbox"
    ).check()
    page.get_by_role("row").filter(has_text=history.WORKFLOW).first.get_by_role("checkbox").check()
    page.get_by_role("button", name="Run failed again…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("in 1 run.").wait_for()
    assert "1 of the selection are left alone" in dialog.inner_text()
    before = _tries(page, site)
    dialog.get_by_role("button", name="Leave it").click()
    assert _tries(page, site) == before


def _tries(page: Page, site: Site) -> int:
    path = f"/api/v2/dags/fails/dagRuns/{site.runs['fails']}/taskInstances/fail"
    return int(page.request.get(path).json()["try_number"])


def test_output_of_tools_is_text_and_never_markup(look: Look) -> None:
    page = look(PAGES["execution"][0])
    page.get_by_text("<script>window.hacked=1</script>").first.wait_for()
    look("/chronos/ui/search?q=/data/L2_HR_RiverSP/005/" + history.HOSTILE).wait_for_selector(
        ".table, .empty"
    )


def test_failed_execution_says_why_and_jumps_to_the_error(look: Look) -> None:
    page = look(PAGES["execution"][0])
    page.get_by_role("alert").get_by_text("exit code 3").wait_for()
    page.get_by_role("button", name="First error").click()
    page.wait_for_selector(".logline[data-at=true]")


def test_graph_opens_a_scatter_to_its_elements(look: Look, site: Site) -> None:
    page = look("/chronos/ui/runs/swot_coverage/{swot_coverage}")
    page.locator(".react-flow__node").filter(has_text="swath ·").click()
    page.wait_for_selector(".square")
    squares = page.locator(".square").count()
    assert squares > 10
    page.locator(".square").first.click()
    page.wait_for_url("**/executions/swot_coverage/**")


def test_lineage_is_followed_folded_and_exported(look: Look) -> None:
    page = look(f"/chronos/ui/lineage?at={history.AUXILIARY}")
    page.get_by_role("link", name="SWOT_AUX").first.click()
    page.wait_for_selector(".react-flow__node")
    page.get_by_role("button", name="1", exact=True).click()
    folded = page.locator(".box.many").first
    folded.wait_for()
    assert re.match(r"[\d,]+ \u00d7 ", folded.inner_text())
    assert page.locator(".react-flow__node").count() < 300
    page.get_by_role("button", name="JSON").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    assert len(json.loads(download.value.path().read_text())["runs"]) > 100
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").click()
    assert "\u00d7" in download.value.path().read_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")


def test_lineage_goes_both_ways_from_a_product(look: Look) -> None:
    page = look("/chronos/ui/search?q=SSH_Basic 005 300")
    page.get_by_role("link", name=re.compile("L2_LR_SSH_Basic_005_300")).first.click()
    page.wait_for_selector(".react-flow__node")
    summary = page.locator(".head [role=status]")
    summary.get_by_text("SWOT_L2_HR_Raster").wait_for()
    page.get_by_label("Direction").select_option("downstream")
    page.wait_for_url("**direction=downstream**")
    expect(summary).to_contain_text("made from: nothing")


def test_a_workflow_is_started_by_its_form(look: Look) -> None:
    page = look("/chronos/ui/start")
    page.get_by_role("region", name="hello").get_by_role("link", name="Start…").click()
    page.get_by_label("Name").fill("<b>Toulouse</b>")
    page.get_by_text("Will run on:").wait_for()
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url("**/runs/hello/**")
    page.wait_for_selector(".react-flow__node")
    run = page.url.rpartition("/")[2]
    conf = page.request.get(f"/api/v2/dags/hello/dagRuns/{run}").json()["conf"]
    assert "<b>Toulouse</b>" in json.dumps(conf)


def test_a_form_says_what_does_not_fit(look: Look) -> None:
    page = look("/chronos/ui/start/scatter")
    page.get_by_label("Cycles").fill("[1, ")
    page.get_by_role("button", name="Start the run").click()
    page.get_by_role("alert").get_by_text("Asked is JSON").wait_for()
    assert "/start/scatter" in page.url


def test_french(look: Look) -> None:
    page = look("/chronos/ui/", locale="fr-FR")
    page.get_by_role("link", name=re.compile("^Vue d.ensemble$")).wait_for()
    page.get_by_label("Langue").select_option("en")
    page.get_by_role("link", name="Overview").wait_for()


@pytest.mark.parametrize(
    ("path", "ready"),
    [
        ("/plugin/chronos", ".chronos .chart canvas"),
        ("/dags/swot_coverage/plugin/chronos_workflow", ".chronos .react-flow__node"),
        ("/dags/swot_coverage/runs/{swot_coverage}/plugin/chronos_run", ".chronos .react-flow__node"),
        ("/dags/fails/runs/{fails}/tasks/fail/plugin/chronos_execution", ".chronos .logline"),
    ],
)
def test_the_pages_stand_inside_airflows(look: Look, heard: Any, path: str, ready: str) -> None:
    page = look(path)
    page.wait_for_selector(ready)
    assert page.locator("nav").count() > 0
    # What Airflow's own pages say is not ours to mend.
    heard.complaints = [c for c in heard.complaints if "chronos" in c.lower()]


def test_the_first_page_is_small(look: Look, site: Site) -> None:
    loaded: list[str] = []
    page = look("about:blank")
    page.on("response", lambda answer: loaded.append(answer.url) if "/assets/" in answer.url else None)
    page.goto("/chronos/ui/")
    page.wait_for_selector(".chart canvas")
    built = bundle.load()
    assert built is not None
    names = {url.partition("/assets/")[2].partition("?")[0] for url in loaded}
    assert built.main in names
    sizes = {name: len(gzip.compress((built.folder / "assets" / name).read_bytes())) for name in names}
    assert sum(sizes.values()) < FIRST_PAGE, sizes


def test_only_own_scripts_may_run(look: Look) -> None:
    page = look("/chronos/ui/")
    policy = page.request.get("/chronos/ui/").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_who_is_not_logged_in_is_asked_to(chromium: Any, site: Site) -> None:
    context = chromium.new_context(base_url=site.address)
    page = context.new_page()
    page.goto("/chronos/ui/runs?state=FAIL")
    assert "/auth/login" in page.url
    assert context.request.get("/chronos/ui/assets/icon.svg").status == 401
    context.close()


def _api(page: Page, path: str) -> Any:
    answer = page.request.get(f"/chronos/api/v1/{path}")
    assert answer.ok, answer.text()
    return answer.json()
