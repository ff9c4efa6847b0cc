"""Lets cwltest judge a runner, test by test.

cwltest's own command line is not used: with a selection of tests it writes wrong names and wrong counts by
tag, and its JUnit file shows a test as passed whose runner ended with 0 though it had to fail. Its judgement
(``run_test_plain``) and its report formats are used as they are.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cwltest
import junit_xml  # type: ignore[import-untyped]
from cwltest import utils

from tests.conformance.results import Outcome, RunnerGoneError, Status, last_line, one_line
from tests.conformance.suite import INDEX, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# The test "illegal_symlink" writes this file; when it ran without a container the file stays on the host, and
# the test's link points to something from then on, for every runner and in containers too.
LEFTOVER = Path("/tmp/original.txt")
LEFTOVER_TEXT = b"Who's gonna drive you home\n"


@dataclass(frozen=True)
class Verdict:
    """A test, cwltest's result for it, and the same as an outcome."""

    case: Case
    result: utils.TestResult
    outcome: Outcome


def remove_leftover(path: Path = LEFTOVER) -> None:
    """Remove the file that an earlier run left behind, if it is that file and not somebody's own."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == LEFTOVER_TEXT:
            path.unlink()


@contextlib.contextmanager
def clean_host(hide_engine: bool = False) -> Iterator[None]:
    """Give the tests a temporary folder of their own, which disappears with what they left in it.

    Args:
        hide_engine: let ``docker`` reach nothing, so that a runner cannot use an engine all the same.
    """
    remove_leftover()
    folder = tempfile.mkdtemp(prefix="cwl-conformance-")
    environment, temporary = dict(os.environ), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    if hide_engine:
        os.environ["DOCKER_HOST"] = "unix:///nonexistent/no-engine.sock"
    try:
        yield
    finally:
        tempfile.tempdir = temporary
        os.environ.clear()
        os.environ.update(environment)
        shutil.rmtree(folder, ignore_errors=True)
        remove_leftover()


def reason(result: utils.TestResult, should_fail: bool) -> str:
    """Return in one line why a test did not pass."""
    if result.return_code == cwltest.UNSUPPORTED_FEATURE:
        return last_line(result.error_output) or "status 33"
    if result.message.startswith("Command "):
        status = result.message.rsplit(maxsplit=1)[-1].rstrip(".")
        return one_line(f"status {status}: {last_line(result.error_output) or 'no message'}")
    if not result.message and should_fail:
        return "ended with status 0, but had to fail"
    return one_line(result.message) or "its output could not be read"


def judge(case: Case, command: Sequence[str], folder: Path, timeout: int) -> Verdict:
    """Run one test with the runner ``command``; a runner that cannot be judged has failed.

    Raises:
        RunnerGoneError: the command is not there.
    """
    config = utils.CWLTestConfig(
        basedir=str(folder),
        test_baseuri=folder.as_uri() + "/",
        test_basedir=f"{folder}/",
        entry=str(folder / INDEX),
        entry_line=case.entry["line"],
        tool=command[0],
        args=list(command[1:]),
        timeout=timeout,
    )
    try:
        result = utils.run_test_plain(config, case.entry, case.number)
    except Exception as error:  # one test's surprise must not cost the others' results
        if isinstance(error, OSError) and error.filename == command[0]:
            raise RunnerGoneError(f"the runner cannot be started: {error}") from error
        message = f"cwltest could not judge it: {type(error).__name__}: {error}"
        result = utils.TestResult(1, "", "", 0.0, "", str(folder / INDEX), case.entry["tool"], None, message)
    status = {0: Status.PASSED, cwltest.UNSUPPORTED_FEATURE: Status.UNSUPPORTED}.get(
        result.return_code, Status.FAILED
    )
    why = "" if status is Status.PASSED else reason(result, bool(case.entry.get("should_fail")))
    if status is Status.FAILED and not result.message:
        # The JUnit writer leaves a failure without words out of the file.
        result.message = why
    outcome = Outcome(case.number, case.id, case.tags, status, round(result.duration, 3), why)
    return Verdict(case, result, outcome)


def run(
    cases: Sequence[Case],
    command: Sequence[str],
    folder: Path,
    jobs: int,
    timeout: int,
    progress: Callable[[int, Outcome], None],
) -> list[Verdict]:
    """Run ``cases``, ``jobs`` at a time, from within the suite's ``folder``.

    Args:
        cases: what to run.
        command: the runner; options, the process and the job are added to it.
        folder: the suite.
        jobs: how many tests run at once.
        timeout: seconds after which a test has failed.
        progress: called after each test with the number of tests done, by one thread at a time.

    Returns:
        The verdicts in the order of ``cases``.

    Raises:
        RunnerGoneError: the runner could not be started; the remaining tests are not run.
    """
    done = 0
    lock = threading.Lock()

    def one(case: Case) -> Verdict:
        nonlocal done
        verdict = judge(case, command, folder, timeout)
        with lock:
            done += 1
            progress(done, verdict.outcome)
        return verdict

    # cwltest makes the process's path relative to the working directory.
    with contextlib.chdir(folder), ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [pool.submit(one, case) for case in cases]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextlib.contextmanager
def log_to(path: Path | None) -> Iterator[None]:
    """Send cwltest's log to ``path``, or nowhere, in place of the terminal."""
    handler = logging.FileHandler(path, "w", encoding="utf-8") if path else logging.NullHandler()
    before = list(cwltest.logger.handlers)
    cwltest.logger.handlers[:] = [handler]
    try:
        yield
    finally:
        cwltest.logger.handlers[:] = before
        handler.close()


def write_reports(verdicts: Sequence[Verdict], folder: Path) -> None:
    """Write ``junit.xml`` and ``badges/`` in cwltest's formats into ``folder``."""
    results = (verdict.result for verdict in verdicts)
    entries = [verdict.case.entry for verdict in verdicts]
    name = Path(INDEX).stem
    report = junit_xml.TestSuite(name, [])
    *_, totals, passed, failures, unsupported, report = utils.parse_results(results, entries, name, report)
    with (folder / "junit.xml").open("w", encoding="utf-8") as file:
        junit_xml.to_xml_report_file(file, [report])
    badges = folder / "badges"
    shutil.rmtree(badges, ignore_errors=True)
    utils.generate_badges(str(badges), totals, passed, failures, unsupported)
