"""Files in other places, as the tasks of a run deal with them.

Most steps read none: what reaches storages (:mod:`chronos_plugin.execution.staging`, ``stage_out``) is
imported when a value names one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.data.schemes import is_remote

if TYPE_CHECKING:
    from chronos_plugin.data.location import Location
    from chronos_plugin.execution.run import Run

FILES = ("File", "Directory")


def remote_entries(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the File and Directory objects in ``value`` that lie in another place.

    What is listed of a remote Directory is part of it, and not yielded.
    """
    if isinstance(value, list):
        for inner in value:
            yield from remote_entries(inner)
    elif isinstance(value, dict):
        remote = value.get("class") in FILES and is_remote(value.get("location"))
        if remote:
            yield value
        for name, inner in value.items():
            if not (remote and name == "listing"):
                yield from remote_entries(inner)


def names_remote(value: Any) -> bool:
    """Return whether a File or Directory in ``value`` lies in another place."""
    return next(remote_entries(value), None) is not None


def fetched_folder(run: Run) -> Path:
    """Return the folder of the files that a run has fetched."""
    # No step's folder has an @ before its element's number.
    return run.store.root / "work" / "@data"


def check_remote(run: Run, inputs: dict[str, Any]) -> None:
    """Ask for all remote files of an input object; fill in their sizes and checksums.

    Raises:
        InputInvalid: If some are not there, are of the wrong class, or may not be read; names them all.
        TransferFailed: If a storage gives no answer.
    """
    if names_remote(inputs):
        from chronos_plugin.execution import staging

        staging.check_remote(run, inputs)


def stage_in(
    run: Run, inputs: Mapping[str, Any], stopping: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Return ``inputs`` with every remote file and folder fetched: from the site's cache, or its storage.

    Args:
        stopping: Tells that the step is to end.

    Raises:
        StepFailed: If one cannot be fetched.
    """
    plain = dict(inputs)
    if not names_remote(plain):
        return plain
    from chronos_plugin.execution import staging

    return staging.stage_in(run, plain, stopping)


def remote_again(run: Run, value: Any) -> Any:
    """Return ``value`` with fetched files under the URIs that they came from."""
    if not fetched_folder(run).is_dir():
        return value
    from chronos_plugin.execution import staging

    return staging.remote_again(run, value)


def publish_outputs(run: Run, outputs: dict[str, Any], place: Path | Location) -> dict[str, Any]:
    """Publish an output object to a folder or a storage; return it with the new locations.

    Raises:
        RunFailed: If it cannot be published.
        StepFailed: If an input that is an output too cannot be fetched.
    """
    if isinstance(place, Path):
        from chronos_plugin.execution.publish import publish

        return publish(stage_in(run, outputs), place, run.store.root, foreign=(fetched_folder(run),))
    from chronos_plugin.execution.stage_out import send_outputs

    return send_outputs(run, outputs, place)
