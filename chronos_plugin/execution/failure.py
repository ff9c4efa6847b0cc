"""What is said when an execution has failed: the CWL library's errors and exit codes in plain words."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from chronos_plugin.errors import CwlUnsupported, StepFailed, StepFailedTemporarily
from chronos_plugin.execution.process import ToolProcesses

log = logging.getLogger("chronos.step")
_TAIL_LINES = 40


def explained(error: Exception, processes: ToolProcesses) -> Exception:
    """Return what to raise in the place of an error of the CWL library; unknown ones as they are."""
    from cwl_utils.errors import JavascriptException
    from cwltool.errors import UnsupportedRequirement, WorkflowException
    from schema_salad.exceptions import ValidationException

    if processes.cancelled:
        return StepFailed("cancelled", exit_code=processes.exit_code)
    if isinstance(error, UnsupportedRequirement):
        return CwlUnsupported(str(error))
    if isinstance(error, WorkflowException | ValidationException | JavascriptException | OSError):
        return StepFailed(str(error), exit_code=processes.exit_code)
    return error


def failure(status: str, processes: ToolProcesses, work: Path) -> StepFailed:
    """Return what to raise where a process ended without success; the log gets what it said last."""
    code = processes.exit_code
    if processes.cancelled:
        return StepFailed("cancelled", exit_code=code)
    for captured in _captured(work):
        log.warning("last lines of %s:\n%s", captured.name, _tail(captured))
    if processes.timed_out:
        reason = "took longer than its ToolTimeLimit and was stopped"
    elif code is None:
        reason = "failed (the messages above say why)"
    elif code < 0:
        reason = f"was ended by signal {-code}"
    elif code == 0:
        reason = "ended well, but its outputs could not be collected (the messages above say why)"
    else:
        reason = f"ended with exit code {code}"
    kind = StepFailedTemporarily if status == "temporaryFail" else StepFailed
    return kind(f"the tool {reason}", exit_code=code)


def _captured(work: Path) -> list[Path]:
    """Return the files that hold what the tool said, where it captures its standard error."""
    folder = work / "out"
    try:
        entries = [Path(e.path) for e in os.scandir(folder) if e.is_file() and "err" in e.name.lower()]
    except OSError:
        return []
    return sorted(path for path in entries if path.stat().st_size > 0)[:2]


def _tail(path: Path) -> str:
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - 16384))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:])
