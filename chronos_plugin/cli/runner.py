"""``chronos-cwl-runner [options] PROCESS [JOB]``: the cwl-runner convention.

The output object goes to standard output, messages to standard error. Exit status: 0 success,
1 failure or invalid input, 33 a requirement that is not supported.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chronos_plugin import __version__, settings
from chronos_plugin.errors import ChronosError, CwlUnsupported, SettingInvalid

UNSUPPORTED = 33


def main(argv: Sequence[str] | None = None) -> int:
    """Run a CWL process and return the exit status."""
    options, job_arguments = _parser().parse_known_args(argv)
    _set_up_logging(options)
    if options.server:
        from chronos_plugin.cli.remote import run_remotely

        work = run_remotely
    else:
        work = run_here
    try:
        # Standard output is for the output object; what targets load may print there.
        with contextlib.redirect_stdout(sys.stderr):
            outputs = work(options, job_arguments)
    except CwlUnsupported as error:
        return _complain(error, UNSUPPORTED, options)
    except ChronosError as error:
        return _complain(error, 1, options)
    except KeyboardInterrupt:
        print("chronos-cwl-runner: cancelled", file=sys.stderr)
        return 130
    if outputs is not None:
        json.dump(outputs, sys.stdout, indent=4, ensure_ascii=False)
        sys.stdout.write("\n")
        sys.stdout.flush()
    return 0


def run_here(options: argparse.Namespace, job_arguments: list[str]) -> dict[str, Any] | None:
    """Compile and run in this process; return the output object (None after ``--validate``)."""
    from chronos_plugin.cli.delivery import deliver
    from chronos_plugin.compiler.compile import compile_file
    from chronos_plugin.cwl import library
    from chronos_plugin.execution.job import load_job
    from chronos_plugin.execution.local import LocalRun
    from chronos_plugin.execution.run import Options, Run
    from chronos_plugin.execution.store import RunStore
    from chronos_plugin.hooks.data import data_options

    configured = settings.standalone()
    library.prepare()
    logging.getLogger("cwltool").setLevel(logging.DEBUG if options.debug else _level(options))
    job = load_job(options.process, options.job, job_arguments)
    path, _, fragment = job.process.partition("#")
    document = compile_file(
        Path(path),
        cache_root=configured.cache_root,
        fragment=fragment,
        enable_dev=options.enable_dev,
        max_bytes=configured.max_document_bytes,
    )
    if options.validate:
        print(
            f"{path}: valid CWL {document.graph.cwl_version} {document.graph.process_class}", file=sys.stderr
        )
        return None
    root = Path(tempfile.mkdtemp(prefix="chronos-", dir=options.tmpdir))
    run = Run(
        document,
        RunStore(root),
        Options(
            container_engine=_engine(options, configured.container_engine),
            expression_timeout=options.eval_timeout or configured.expression_timeout,
            expression_memory=configured.expression_memory,
            max_scatter_tasks=configured.max_scatter_tasks,
            log_fd=2,
            data=data_options(configured),
        ),
    )
    placing = _placing(options, document.graph.name or Path(path).stem)
    local = LocalRun(run, options.parallel, None if options.quiet else _report, placing)
    previous = signal.signal(signal.SIGTERM, lambda *_: local.cancel())
    try:
        values = job.values(lambda: {p.name: p.schema for p in document.graph.inputs})
        staged = root / "published"
        outputs = local.execute(values, job.requirements, staged)
        return deliver(outputs, Path(options.outdir), move=True)
    finally:
        signal.signal(signal.SIGTERM, previous)
        if not options.leave_tmpdir:
            shutil.rmtree(root, ignore_errors=True)


def _placing(options: argparse.Namespace, workflow: str) -> Any:
    """Return what places the steps, None where this process runs them all."""
    if not options.target and not options.targets_file:
        return None
    from chronos_plugin.execution.placing import Placing

    file = Path(options.targets_file or os.devnull)
    if options.targets_file and not file.is_file():
        raise SettingInvalid(f"--targets-file {file}: no such file")
    return Placing(file, workflow, override=options.target)


def _engine(options: argparse.Namespace, configured: str) -> str:
    return str(options.engine or configured)


def _report(task: Any, state: str, ended: int, count: int) -> None:
    if state == "running" and count > 1:
        message = f"{task.id}: {count} to run"
    elif state == "success" and count > 1:
        message = f"{task.id}: {ended}/{count} done"
    else:
        message = f"{task.id}: {state}"
    print(f"chronos: {message}", file=sys.stderr)


def _complain(error: ChronosError, status: int, options: argparse.Namespace) -> int:
    if options.debug:
        logging.getLogger("chronos").error("failed", exc_info=error)
    print(f"chronos-cwl-runner: {error}", file=sys.stderr)
    return status


def _level(options: argparse.Namespace) -> int:
    return logging.ERROR if options.quiet else logging.WARNING


def _set_up_logging(options: argparse.Namespace) -> None:
    level = logging.DEBUG if options.debug else _level(options)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s") if options.debug else _OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    if not options.quiet:
        # What is fetched, and how fast, takes long enough to be told.
        logging.getLogger("chronos.data").setLevel(logging.INFO)


class _OneLine(logging.Formatter):
    """Leaves tracebacks to ``--debug``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname} {record.getMessage()}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chronos-cwl-runner",
        description="Run a CWL process by the cwl-runner convention, output object on standard output",
        epilog="Arguments after PROCESS that are not options above set inputs: --NAME VALUE.",
        allow_abbrev=False,
    )
    parser.add_argument("process", metavar="PROCESS", help="CWL document, or document#process")
    parser.add_argument("job", metavar="JOB", nargs="?", help="input object in YAML or JSON")
    parser.add_argument(
        "--outdir", default=os.getcwd(), help="folder for output files (default: the current one)"
    )
    parser.add_argument("--tmpdir", help="folder for temporary files")
    parser.add_argument("--quiet", action="store_true", help="errors only")
    parser.add_argument("--debug", action="store_true", help="all messages and tracebacks")
    parser.add_argument(
        "--parallel", type=int, default=1, metavar="N", help="executions at a time (default: 1)"
    )
    parser.add_argument("--target", metavar="NAME", help="run every step on this execution target")
    parser.add_argument("--targets-file", metavar="FILE", help="targets and bindings (see docs/targets.md)")
    parser.add_argument("--validate", action="store_true", help="check the document and run nothing")
    parser.add_argument("--leave-tmpdir", action="store_true", help="keep the work directories")
    parser.add_argument("--eval-timeout", type=float, metavar="S", help="seconds an expression may run")
    parser.add_argument("--disable-dev", dest="enable_dev", action="store_false", help="refuse CWL v1.3")
    engines = parser.add_mutually_exclusive_group()
    for engine in ("docker", "podman", "singularity", "udocker"):
        engines.add_argument(f"--{engine}", dest="engine", action="store_const", const=engine)
    engines.add_argument("--no-container", dest="engine", action="store_const", const="none")
    parser.add_argument(
        "--server",
        metavar="URL",
        default=os.environ.get("CHRONOS_SERVER"),
        help="run through the scheduler and workers of the CHRONOS at URL "
        "(login: CHRONOS_USERNAME, CHRONOS_PASSWORD)",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
