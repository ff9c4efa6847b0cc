"""The errors that CHRONOS raises.

::

    ChronosError
    ├── CwlError                  about a CWL document; carries file, line, column, suggestion
    │   ├── CwlInvalid            the document is wrong
    │   └── CwlUnsupported        the document is valid, but asks for what cannot be run here
    ├── InputInvalid              an input object does not fit the process
    │   ├── NotKnown              there is no such run, dataset, workflow …
    │   └── AlreadyKnown          there is one of this name or id already
    ├── StepFailed                a step ran and failed
    │   ├── StepFailedTemporarily the tool said by its exit code that a retry may help
    │   ├── StepCancelled         somebody has ended the tool or its job
    │   └── StepLost              the tool was not run to its end, through no fault of its own
    ├── RunFailed                 a workflow run ended without its outputs
    ├── SettingInvalid            a configuration option has an unusable value
    └── ServiceFailed             another system (API server, container engine) did not do its part
        ├── CloudFailed           a SafeScale service refused or could not; carries the reason
        ├── ArchiveInvalid        an archive of the history is not what was written
        ├── DatabaseNotReady      the CHRONOS database has not the tables of this version
        ├── DatabaseUnsupported   this database, or this installation, has no such ability
        ├── ServiceBusy           it may, when it is asked again
        ├── TargetUnreachable     a target gives no answer now; asking again may help
        ├── TargetRefused         a target answers that it will not run this job
        ├── TargetUnsupported     a target has no such ability (hold, suspend …)
        ├── ExportFailed         a receiver of exports is away, busy, or lets nobody in
        ├── DataMissing           a storage has no such file
        ├── TransferFailed        a storage did not deliver or take a file; asking again may help
        ├── TransferRefused       a storage will not deliver or take a file, now or later
        └── TransferStopped       a transfer was ended because its task is ending

*Invalid*, *unsupported* and *failed* are never mixed: they need different people.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar


class ChronosError(Exception):
    """Raised when CHRONOS cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class SourceLocation:
    """A place in a text file; line and column count from 1, None where unknown."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.file] + [str(n) for n in (self.line, self.column) if n is not None]
        return ":".join(parts)


class CwlError(ChronosError):
    """Raised when a CWL document cannot be used; base of the two reasons."""

    kind: ClassVar[str] = "cwl"

    def __init__(
        self,
        message: str,
        *,
        location: SourceLocation | None = None,
        suggestion: str | None = None,
        details: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.suggestion = suggestion
        self.details = details

    def __str__(self) -> str:
        lines = [f"{self.location}: {self.message}" if self.location else self.message]
        if self.suggestion:
            lines.append(f"What to do: {self.suggestion}")
        if self.details:
            lines.append(self.details)
        return "\n".join(lines)

    def in_file(self, file: str) -> CwlError:
        """Return the same error with its location's file named ``file``."""
        location = replace(self.location, file=file) if self.location else SourceLocation(file)
        return type(self)(self.message, location=location, suggestion=self.suggestion, details=self.details)


class CwlInvalid(CwlError):
    """Raised when a CWL document breaks the specification or cannot be read."""

    kind = "invalid CWL"


class CwlUnsupported(CwlError):
    """Raised when a valid CWL document asks for a feature that this runner does not have."""

    kind = "unsupported CWL"


class InputInvalid(ChronosError):
    """Raised when an input object misses a value, has a wrong type, or names a missing file."""


class NotKnown(InputInvalid):
    """Raised when there is nothing of the name or id that was given: no such run, dataset, workflow."""


class AlreadyKnown(InputInvalid):
    """Raised when there is something of the name or id that was given: it was not made again."""


class StepFailed(ChronosError):
    """Raised when a step's tool ended without success.

    Attributes:
        exit_code: The tool's exit code; negative for a signal; None where no process ran.
    """

    def __init__(self, message: str, *, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class StepFailedTemporarily(StepFailed):
    """Raised when the exit code is one of the tool's ``temporaryFailCodes``."""


class StepCancelled(StepFailed):
    """Raised when somebody has ended the tool's job, in CHRONOS or beside it: no retry is in order."""


class StepLost(StepFailed):
    """Raised when node, queue or network ended a tool: the same again may well succeed."""


class RunFailed(ChronosError):
    """Raised when a workflow run ended without success."""


class SettingInvalid(ChronosError):
    """Raised when an option of the ``[chronos]`` section has an unusable value."""


class ServiceFailed(ChronosError):
    """Raised when another system refused, did not answer, or answered nonsense.

    Attributes:
        status: The HTTP status of its answer; None where there was none.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class CloudFailed(ServiceFailed):
    """Raised when a SafeScale service does not do what it was asked.

    Attributes:
        reason: One of :data:`CLOUD_REASONS`.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later without anybody's doing."""
        return self.reason in ("unreachable", "timeout", "busy")


CLOUD_REASONS = {
    "absent": "what was named does not exist",
    "exists": "the name is taken",
    "tenant": "the tenant is unknown to the service, or none was named",
    "invalid": "the request is wrong",
    "refused": "the credentials or rights do not suffice",
    "unsupported": "this version of the service cannot do it",
    "quota": "the cloud's limits are reached",
    "unreachable": "no answer from the service",
    "timeout": "the deadline passed",
    "busy": "the service aborted the request, or what was named is in use",
    "failed": "the service tried and failed",
}


class DatabaseNotReady(ServiceFailed):
    """Raised when the CHRONOS database lacks migrations, or has those of a newer version."""


class DatabaseUnsupported(ServiceFailed):
    """Raised when the CHRONOS database's kind, or what is installed beside it, cannot do what was asked."""


class ArchiveInvalid(ServiceFailed):
    """Raised when files of an archive are missing or changed, or of another version of CHRONOS."""


class ServiceBusy(ServiceFailed):
    """Raised when another system is there, but could not do its part in time; asking again may help."""


class TargetUnreachable(ServiceFailed):
    """Raised when an execution target does not answer, or says that it cannot now."""


class TargetRefused(ServiceFailed):
    """Raised when an execution target will not run a job, now or later, as it was submitted."""


class TargetUnsupported(ServiceFailed):
    """Raised when an execution target is asked for something that it has no way to do."""


class ExportFailed(ServiceFailed):
    """Raised when a receiver of exports does not take anything now; what waits for it is kept.

    Attributes:
        taken: Ids of the outbox entries that it had taken before.
    """

    def __init__(
        self, message: str, *, status: int | None = None, taken: frozenset[int] = frozenset()
    ) -> None:
        super().__init__(message, status=status)
        self.taken = taken


class DataMissing(ServiceFailed):
    """Raised when a storage says that it has no such file or folder."""


class TransferFailed(ServiceFailed):
    """Raised when a file could not be moved, arrived damaged, or its storage did not answer.

    Attributes:
        pause: Seconds after which the storage wants to be asked again; None where it does not say.
    """

    def __init__(self, message: str, *, pause: float | None = None) -> None:
        super().__init__(message)
        self.pause = pause


class TransferRefused(ServiceFailed):
    """Raised when rights, credentials, or an ability (listing, a transport's library) are not there."""


class TransferStopped(ServiceFailed):
    """Raised in transfers that end because their task is ending, or another file has failed."""
