"""Judges a CWL runner by the CWL v1.2 conformance suite.

    python tests/conformance/run.py --runner 'cwltool --relax-path-checks'
    python tests/conformance/run.py --in-process cwltool.main:run --check -- --relax-path-checks

``--in-process`` imports the runner once and forks for each test; words after ``--`` go to the runner.
Exit status: 0 as expected (or skipped: no suite), 1 not, 2 the call was wrong or the machine lacks something.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

# Started as a script, Python looks for modules beside the script only.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance import expected, results, suite
from tests.conformance.launcher import ServerError, in_process
from tests.conformance.results import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CHECKOUT = Path(__file__).resolve().parents[2]
EXPECTED = Path(__file__).resolve().parent / "expected.json"
PROGRESS_EVERY = 25
# A machine under load spoils a few tests; where more fail, something is broken, and a second try costs time.
MOST_RETRIES = 10


class UsageError(Exception):
    """The call cannot be carried out; the message says why."""


def parser() -> argparse.ArgumentParser:
    """Return the command line's description."""
    result = argparse.ArgumentParser(description="Judge a CWL runner by the CWL v1.2 conformance suite.")
    runner = result.add_mutually_exclusive_group(required=True)
    runner.add_argument("--runner", metavar="COMMAND", help="the runner and its options, in one word")
    runner.add_argument(
        "--in-process", metavar="MODULE:FUNCTION", help="import the runner once, fork per test"
    )
    result.add_argument(
        "runner_args", nargs="*", metavar="ARGUMENT", help="after --: more words for the runner"
    )
    result.add_argument(
        "--warm",
        action="append",
        default=[],
        metavar="MODULE:FUNCTION[=ARGUMENT]",
        help="with --in-process: call this once before the first test",
    )
    result.add_argument(
        "--suite",
        metavar="DIR",
        help=f"the suite's folder (default: ${suite.VARIABLE}, else {suite.BESIDE} by the checkout)",
    )
    result.add_argument("--tags", help="only tests with one of these tags (comma-separated)")
    result.add_argument("-n", metavar="NUMBERS", help="only these tests of the whole suite, like 1,3-6,9")
    result.add_argument("-s", metavar="IDS", help="only these tests, by id (comma-separated)")
    result.add_argument("-j", type=int, default=2, metavar="N", help="tests at a time (default %(default)s)")
    result.add_argument("--timeout", type=int, default=120, metavar="SECONDS", help="default %(default)s")
    result.add_argument(
        "--no-engine",
        action="store_true",
        help="pass --no-container to the runner, hide any engine, expect what can pass so",
    )
    result.add_argument(
        "--retry",
        action="store_true",
        help=f"give up to {MOST_RETRIES} unexpected failures a second try, alone: for loaded machines",
    )
    result.add_argument(
        "--out", type=Path, metavar="DIR", help="write junit.xml, badges/ and cwltest.log here"
    )
    result.add_argument("--json", type=Path, metavar="FILE", help="write the results here")
    result.add_argument("--check", action="store_true", help="fail if the run is worse than expected.json")
    result.add_argument(
        "--update", action="store_true", help="after a whole run: make expected.json say what it gave"
    )
    return result


def engine_answers() -> bool:
    """Tell whether ``docker`` reaches an engine."""
    try:
        subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            check=True,
            timeout=20,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


@contextlib.contextmanager
def runner(options: argparse.Namespace) -> Iterator[list[str]]:
    """Yield the runner's command while it can be used."""
    more = [*(["--no-container"] if options.no_engine else []), *options.runner_args]
    if options.in_process:
        with in_process(options.in_process, options.warm) as command:
            yield [str(command), *more]
        return
    words = shlex.split(options.runner)
    found = shutil.which(words[0]) if words else None
    if found is None:
        raise UsageError(f"no such runner: {options.runner}")
    # The tests run from within the suite's folder, where a relative path would mean something else.
    yield [os.path.abspath(found), *words[1:], *more]


class Progress:
    """Tells on standard error how far a run is."""

    def __init__(self, total: int) -> None:
        """Count up to ``total``."""
        self.total = total
        self.started = time.monotonic()
        self.rest = 0

    def __call__(self, done: int, outcome: Outcome) -> None:
        """Note one more result."""
        self.rest += outcome.status is not Status.PASSED
        if done % PROGRESS_EVERY == 0 or done == self.total:
            seconds = time.monotonic() - self.started
            text = f"{done}/{self.total} tests, {self.rest} not passed, {seconds:.0f} s"
            print(text, file=sys.stderr, flush=True)


def conduct(options: argparse.Namespace, folder: Path, allowed: Sequence[str]) -> tuple[list[Outcome], float]:
    """Run the selected tests and write the reports; return the outcomes and the seconds it took.

    Args:
        options: the command line.
        folder: the suite.
        allowed: ids that may fail, and get no second try.
    """
    # Imports cwltest, which takes a second and need not be there to be told that there is no suite.
    from tests.conformance import judge

    cases = suite.select(suite.load(folder), options.tags, options.n, options.s)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    log = options.out.resolve() / "cwltest.log" if options.out else None
    started = time.monotonic()
    with runner(options) as command, judge.clean_host(options.no_engine), judge.log_to(log):
        verdicts = judge.run(cases, command, folder, options.j, options.timeout, Progress(len(cases)))
        rest = [v for v in verdicts if v.outcome.status is not Status.PASSED]
        again = [v for v in rest if v.case.id not in allowed]
        if options.retry and len(again) <= MOST_RETRIES:
            second = judge.run([v.case for v in again], command, folder, 1, options.timeout, lambda *_: None)
            for before, after in zip(again, second, strict=True):
                verdicts[verdicts.index(before)] = after
                print(f"second try: {after.case.id} {after.outcome.status}; first: {before.outcome.reason}")
        if options.out:
            judge.write_reports(verdicts, options.out)
    return [verdict.outcome for verdict in verdicts], time.monotonic() - started


def settle(
    options: argparse.Namespace,
    outcomes: Sequence[Outcome],
    expectation: expected.Expectation | None,
    mode: str,
) -> int:
    """Compare or update as the command line asks; return the exit status."""
    whole = not (options.tags or options.n or options.s)
    if options.update:
        expected.write(EXPECTED, mode, expected.of(outcomes))
        print(f"{EXPECTED.name}: {mode} updated")
    if options.check:
        if expectation is None:
            raise UsageError(f"{EXPECTED.name} has no entry {mode}: make one with --update")
        comparison = expected.compare(outcomes, expectation, whole)
        for line in comparison.worse:
            print(f"WORSE: {line}")
        for line in comparison.better:
            print(f"better: {line}")
        print(f"check against {mode}: {'worse than expected' if comparison.worse else 'as expected'}")
        return 1 if comparison.worse else 0
    return 1 if any(outcome.status is Status.FAILED for outcome in outcomes) else 0


def carry_out(options: argparse.Namespace) -> int:
    """Do what the command line says; return the exit status."""
    folder = suite.locate(options.suite, os.environ, CHECKOUT)
    if folder is None:
        print(f"skipped: no suite (name it with --suite or ${suite.VARIABLE})")
        return 0
    if options.update and (options.tags or options.n or options.s):
        raise UsageError("--update needs the whole suite")
    if options.no_engine:
        mode = expected.WITHOUT_ENGINE
    else:
        mode = expected.WITH_ENGINE
        if not engine_answers():
            if options.check or options.update:
                raise UsageError(
                    "no container engine answers (.ci/engine/start.sh starts one; or --no-engine)"
                )
            print("no container engine answers: tests that need one will fail", file=sys.stderr)
    expectation = expected.read(EXPECTED, mode)
    outcomes, seconds = conduct(options, folder, list(expectation.not_passing) if expectation else [])
    print(results.table(outcomes))
    print(f"\n{seconds:.0f} seconds")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(results.document(outcomes, mode, seconds), indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    return settle(options, outcomes, expectation, mode)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status."""
    options = parser().parse_args(arguments)
    try:
        return carry_out(options)
    except (UsageError, ServerError, results.RunnerGoneError, suite.SuiteError) as error:
        print(f"{Path(__file__).name}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    # As after Ctrl-C, the runner is stopped and temporary folders go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
