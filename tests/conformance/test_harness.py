"""The harness itself: selection, counts, table, comparison, and cwltest's judgement of a scripted runner."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance import expected, results, run, suite
from tests.conformance.results import Outcome, Status, Tally
from tests.conformance.suite import Case, SuiteError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Recorded with cwltool 3.3 and --no-engine.
SAMPLE = Path(__file__).resolve().parent / "sample.json"

TABLE = """\
tag                  passed  failed  unsupported  total
required                  1       1            0      2
command_line_tool         2       2            2      6
initial_work_dir          0       0            1      1
inputs_should_parse       0       1            1      2
networkaccess             0       0            1      1
shell_command             1       0            0      1
all                       2       2            2      6

not passed:
"""

CASES = [
    Case(1, "first", ("required", "workflow"), {}),
    Case(2, "second", ("docker",), {}),
    Case(3, "third", ("required",), {}),
    Case(4, "fourth", ("docker", "workflow"), {}),
]


def sample() -> list[Outcome]:
    """The recorded outcomes."""
    tests = json.loads(SAMPLE.read_text(encoding="utf-8"))["tests"]
    return [
        Outcome(**{**test, "tags": tuple(test["tags"]), "status": Status(test["status"])}) for test in tests
    ]


def changed(outcomes: Sequence[Outcome], name: str, status: Status) -> list[Outcome]:
    """``outcomes``, with another status of the test ``name``."""
    return [
        Outcome(o.number, o.id, o.tags, status, o.seconds, "changed") if o.id == name else o for o in outcomes
    ]


@pytest.mark.parametrize(
    ("tags", "numbers", "names", "ids"),
    [
        (None, None, None, "first second third fourth"),
        ("docker", None, None, "second fourth"),
        ("required,docker", "2-3", None, "second third"),
        (None, "4,1-2", None, "first second fourth"),
        (None, None, "third,first", "first third"),
        ("workflow", None, "third,first", "first"),
    ],
)
def test_selection(tags: str | None, numbers: str | None, names: str | None, ids: str) -> None:
    """Conditions are combined, numbers count in the whole suite, and the order is the suite's."""
    assert [case.id for case in suite.select(CASES, tags, numbers, names)] == ids.split()


@pytest.mark.parametrize(
    ("tags", "numbers", "names", "message"),
    [
        ("no_tag", None, None, "no tag no_tag"),
        (None, "4-6", None, "no test number 5, no test number 6"),
        (None, None, "fifth", "no test fifth"),
        (None, "one", None, "'one' is neither a number nor a range"),
    ],
)
def test_a_selection_of_what_is_not_there_is_an_error(
    tags: str | None, numbers: str | None, names: str | None, message: str
) -> None:
    """A misspelt tag would otherwise run nothing and report success."""
    with pytest.raises(SuiteError, match=message):
        suite.select(CASES, tags, numbers, names)


def test_where_the_suite_is_looked_for(tmp_path: Path) -> None:
    """The option, then the environment, then the folder beside the checkout; a wrong name is an error."""
    folders = [tmp_path / name for name in ("option", "variable", "shared/conformance/cwl-v1.2")]
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    assert suite.locate(None, {}, checkout) is None
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / suite.INDEX).touch()
    option, variable, beside = folders
    environment = {suite.VARIABLE: str(variable)}
    assert suite.locate(str(option), environment, checkout) == option
    assert suite.locate(None, environment, checkout) == variable
    assert suite.locate(None, {}, checkout) == beside
    with pytest.raises(SuiteError, match="nowhere"):
        suite.locate(str(tmp_path / "nowhere"), environment, checkout)


def test_counts_and_table_of_the_sample() -> None:
    """The table has every tag, the total and one line for each test that did not pass."""
    outcomes = sample()
    assert results.tally(outcomes) == Tally(2, 2, 2)
    assert results.by_tag(outcomes)["required"] == Tally(1, 1, 0)
    table = results.table(outcomes)
    assert table.startswith(TABLE)
    assert [line.split()[1] for line in table[len(TABLE) :].splitlines()] == [
        "networkaccess_disabled",
        "illegal_symlink",
        "cwloutput_nolimit",
        "iwd-container-entryname1",
    ]


def test_the_document_is_what_was_recorded() -> None:
    """The JSON form keeps every outcome and derives the counts."""
    recorded = json.loads(SAMPLE.read_text(encoding="utf-8"))
    document = results.document(sample(), recorded["mode"], recorded["seconds"])
    assert json.loads(json.dumps(document)) == recorded


def test_reasons_are_one_line() -> None:
    """Colours and line ends go, and a long text is cut."""
    assert results.one_line("\x1b[31mred\x1b[0m\n  text ") == "red text"
    assert results.last_line("first\n\x1b[1mlast\x1b[0m\n\x1b[0m\n") == "last"
    assert results.last_line("") == ""
    assert len(results.one_line("x" * 1000)) == results.LONGEST_REASON


def test_an_equal_run_is_as_expected() -> None:
    """A run fulfils the expectation that was made from it."""
    assert expected.compare(sample(), expected.of(sample()), whole=True) == expected.Comparison([], [])


def test_a_lost_test_is_worse() -> None:
    """The test is named, and so are the counts that fell."""
    worse = changed(sample(), "cat_synthetic_file", Status.FAILED)
    found = expected.compare(worse, expected.of(sample()), whole=True).worse
    assert found[0] == "cat_synthetic_file (failed): changed"
    assert found[1:] == [
        "1 passed in all, expected 2",
        "0 passed with tag required, expected 1",
        "1 passed with tag command_line_tool, expected 2",
    ]


def test_a_won_test_does_not_make_up_for_a_lost_one() -> None:
    """Regressions count by test, whatever the totals say."""
    other = changed(
        changed(sample(), "illegal_symlink", Status.PASSED), "docker_json_output_path", Status.UNSUPPORTED
    )
    found = expected.compare(other, expected.of(sample()), whole=True)
    assert "docker_json_output_path (unsupported): changed" in found.worse
    assert len(found.better) == 1
    assert found.better[0].startswith("illegal_symlink passes now")


def test_a_selection_is_compared_test_by_test() -> None:
    """What was not run is no regression; a shrunken suite is."""
    part = sample()[:1]
    assert not expected.compare(part, expected.of(sample()), whole=False).worse
    assert (
        "1 tests in the suite, expected 6" in expected.compare(part, expected.of(sample()), whole=True).worse
    )


def test_expectations_are_kept_per_mode(tmp_path: Path) -> None:
    """Writing one mode leaves the other alone, and reading gives back what was written."""
    path = tmp_path / "expected.json"
    assert expected.read(path, expected.WITH_ENGINE) is None
    with_engine, without = expected.of(sample()[:1]), expected.of(sample())
    expected.write(path, expected.WITH_ENGINE, with_engine)
    expected.write(path, expected.WITHOUT_ENGINE, without)
    assert expected.read(path, expected.WITH_ENGINE) == with_engine
    assert expected.read(path, expected.WITHOUT_ENGINE) == without


def test_the_committed_numbers_are_consistent() -> None:
    """In each mode the tests that do not pass are those that are named."""
    for mode in (expected.WITH_ENGINE, expected.WITHOUT_ENGINE):
        expectation = expected.read(run.EXPECTED, mode)
        assert expectation is not None
        assert expectation.total - expectation.passed == len(expectation.not_passing)
        assert all(expectation.not_passing.values())


RUNNER = """\
#!/bin/sh
# Options come first; the process and its job are the last words.
for word in "$@"; do case $word in *.cwl) process=$(basename "$word" .cwl) ;; esac; done
case $process in
    good) echo '{"answer": 42}' ;;
    wrong) echo '{"answer": 41}' ;;
    unsupported) echo 'no such feature' >&2; exit 33 ;;
    broken) echo 'first line' >&2; echo 'what happened' >&2; exit 5 ;;
    slow) exec sleep 60 ;;
    leaves) : > "${TMPDIR}/left" && echo '{"answer": 42}' ;;
esac
"""

# id, should_fail, expected status, words of the reason
VERDICTS = [
    ("good", False, Status.PASSED, ""),
    ("wrong", False, Status.FAILED, "41"),
    ("unsupported", False, Status.UNSUPPORTED, "no such feature"),
    ("broken", False, Status.FAILED, "status 5: what happened"),
    ("slow", False, Status.FAILED, "timed out"),
    ("leaves", False, Status.PASSED, ""),
    ("broken", True, Status.PASSED, ""),
    ("good", True, Status.FAILED, "ended with status 0, but had to fail"),
]


@pytest.fixture(scope="module")
def small_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of the tests in VERDICTS, and a scripted ``runner`` beside it."""
    pytest.importorskip("cwltest")
    folder = tmp_path_factory.mktemp("suite")
    entries: list[dict[str, Any]] = []
    for tool, should_fail, _, _ in VERDICTS:
        (folder / f"{tool}.cwl").write_text("{}")
        entry: dict[str, Any] = {
            "tool": f"{tool}.cwl",
            "id": tool,
            "doc": f"about {tool}",
            "tags": ["some_tag"],
        }
        if should_fail:
            entry.update(id=f"{tool}_fails", doc=f"{tool} must fail", should_fail=True)
        else:
            entry["output"] = {"answer": 42}
        entries.append(entry)
    (folder / suite.INDEX).write_text(json.dumps(entries))
    runner = folder / "runner"
    runner.write_text(RUNNER)
    runner.chmod(0o755)
    return folder


def test_a_run_from_end_to_end(small_suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line judges a runner rightly, in JSON, in the JUnit file and in the badges."""
    out = tmp_path / "out"
    status = run.main(
        [
            "--suite",
            str(small_suite),
            "--runner",
            str(small_suite / "runner"),
            "--no-engine",
            "--timeout",
            "3",
            "--out",
            str(out),
            "--json",
            str(out / "results.json"),
            "--",
            "--some-option",
        ]
    )
    assert status == 1
    tests = json.loads((out / "results.json").read_text())["tests"]
    assert [(t["id"], t["status"]) for t in tests] == [
        (f"{tool}_fails" if should_fail else tool, status) for tool, should_fail, status, _ in VERDICTS
    ]
    for test, (_, _, _, words) in zip(tests, VERDICTS, strict=True):
        assert words in test["reason"]
    cases = {case.get("file"): case for case in ET.parse(out / "junit.xml").iter("testcase")}
    failed = {name for name, case in cases.items() if case.find("failure") is not None}
    assert failed == {"wrong", "broken", "slow", "good_fails"}
    assert {name for name, case in cases.items() if case.find("skipped") is not None} == {"unsupported"}
    assert json.loads((out / "badges" / "some_tag.json").read_text())["status"] == "37%"
    assert "all            3       4            1      8" in capsys.readouterr().out


def test_a_selection_keeps_its_names(small_suite: Path, tmp_path: Path) -> None:
    """The reports of a selection name the tests that ran."""
    command = ["--suite", str(small_suite), "--runner", str(small_suite / "runner"), "--no-engine"]
    assert run.main([*command, "-n", "4,6", "--out", str(tmp_path)]) == 1
    cases = [case.get("file") for case in ET.parse(tmp_path / "junit.xml").iter("testcase")]
    assert cases == ["broken", "leaves"]
    assert run.main([*command, "-s", "leaves,broken_fails"]) == 0


def test_check_follows_the_expectation(
    small_suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A failure that is expected passes the check; a new one does not, even after a second try."""
    monkeypatch.setattr(run, "EXPECTED", tmp_path / "expected.json")
    command = [
        "--suite",
        str(small_suite),
        "--runner",
        str(small_suite / "runner"),
        "--no-engine",
        "--timeout",
        "3",
    ]
    assert run.main([*command, "--check"]) == 2
    run.main([*command, "--update"])
    assert run.main([*command, "-n", "1-4", "--check"]) == 0
    known = json.loads(run.EXPECTED.read_text())
    del known[expected.WITHOUT_ENGINE]["not_passing"]["wrong"]
    run.EXPECTED.write_text(json.dumps(known))
    capsys.readouterr()
    assert run.main([*command, "-n", "1-4", "--check", "--retry"]) == 1
    said = capsys.readouterr().out
    assert "second try: wrong failed" in said
    assert "WORSE: wrong (failed)" in said
    assert "broken" not in said.partition("WORSE")[2]


def test_a_runner_that_is_not_there(small_suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is an error of the call, not a row of failures."""
    assert run.main(["--suite", str(small_suite), "--runner", "no-such-runner", "--no-engine"]) == 2
    assert "no such runner" in capsys.readouterr().err


def test_a_runner_that_vanishes_ends_the_run(small_suite: Path, tmp_path: Path) -> None:
    """The tests after it say nothing about the runner."""
    from tests.conformance import judge

    runner = tmp_path / "runner"
    with pytest.raises(results.RunnerGoneError):
        judge.run(suite.load(small_suite), [str(runner)], small_suite, 2, 3, lambda *_: None)


def test_no_suite_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a suite nothing is judged, and the program says so."""
    monkeypatch.setattr(run, "CHECKOUT", tmp_path)
    monkeypatch.delenv(suite.VARIABLE, raising=False)
    assert run.main(["--runner", "true", "--check"]) == 0
    assert capsys.readouterr().out.startswith("skipped: no suite")


def test_a_leftover_is_removed_only_if_it_is_one(tmp_path: Path) -> None:
    """Somebody's own file of that name stays."""
    judge = pytest.importorskip("tests.conformance.judge")
    path = tmp_path / "original.txt"
    judge.remove_leftover(path)
    path.write_bytes(b"mine")
    judge.remove_leftover(path)
    assert path.read_bytes() == b"mine"
    path.write_bytes(judge.LEFTOVER_TEXT)
    judge.remove_leftover(path)
    assert not path.exists()
