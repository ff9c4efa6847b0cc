"""Symbolic links among a tool's outputs (CWL v1.2 CommandLineTool: output files and their links).

A tool may hand out a link to what it made in its output directory, or to an input that was staged for it.
A link to anything else names a file that no other step, node or day need find, and is refused.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_STAGED = ("File", "Directory", "WritableFile", "WritableDirectory")


def guard(job: Any) -> None:
    """Make a job of the CWL library (its ``CommandLineTool``) treat the links among its outputs.

    Links are made to hold where the job's staging folders and its container are gone: those to staged
    inputs then lead to the inputs themselves. Collecting fails, as it does for a missing output, where
    an output leads neither into the output directory nor to an input. Other kinds of job are left alone.
    """
    collect = getattr(job, "collect_outputs", None)
    if collect is None:
        return

    def collect_outputs(outdir: str, rcode: int) -> Any:
        links = OutputLinks.of(job, outdir)
        links.settle()
        outputs = collect(outdir, rcode)
        links.check(outputs)
        return outputs

    job.collect_outputs = collect_outputs


class OutputLinks:
    """The links in the output directory of one job.

    Args:
        outdir: The output directory, as this process sees it.
        inside: The same directory, as the tool saw it.
        staged: Paths of staged inputs as the tool saw them, with where they really are.
    """

    def __init__(self, outdir: str, inside: str, staged: Mapping[str, str]) -> None:
        self._outdir, self._inside = outdir, inside
        self._staged = dict(staged)
        self._legal = [os.path.realpath(path) for path in (outdir, *staged.values())]

    @classmethod
    def of(cls, job: Any, outdir: str) -> OutputLinks:
        """Return the links of a job of the CWL library that has run in ``outdir``."""
        mappers = [m for m in (job.pathmapper, job.generatemapper) if m is not None]
        staged = {
            entry.target: entry.resolved
            for mapper in mappers
            for _, entry in mapper.items()
            if entry.type in _STAGED and not entry.resolved.startswith("_:")
        }
        return cls(outdir, job.builder.outdir, staged)

    def settle(self) -> None:
        """Let links that name a path only the tool could see name the same thing as seen from here."""
        for link in _links(self._outdir):
            target = self._seen_from_here(link)
            if target is not None:
                _replace(link, target)

    def check(self, outputs: Any) -> None:
        """Refuse outputs that lead elsewhere.

        Raises:
            WorkflowException: If a File or Directory of ``outputs``, or a link inside such a Directory,
                is a link to what is neither in the output directory nor an input.
        """
        for path in _paths(outputs):
            if not _within(path, self._outdir):
                continue  # An input that is passed through.
            self._check_one(path)
            if os.path.isdir(path) and not os.path.islink(path):
                for link in _links(path):
                    self._check_one(link)

    def _check_one(self, path: str) -> None:
        from cwltool.errors import WorkflowException

        real = os.path.realpath(path)
        if not any(_within(real, place) for place in self._legal):
            name = os.path.relpath(path, self._outdir)
            raise WorkflowException(
                f"output {name} is a symbolic link to {real}, which is neither in the output directory "
                "nor an input: let the tool copy the file"
            )

    def _seen_from_here(self, link: str) -> str | None:
        """Return the new target of a link, None if it can stay."""
        target = os.readlink(link)
        folder = posixpath.join(self._inside, os.path.relpath(os.path.dirname(link), self._outdir))
        meant = posixpath.normpath(posixpath.join(folder, target))
        for staged, resolved in self._staged.items():
            # What InitialWorkDirRequirement staged into the output directory is there already.
            if _within(meant, staged) and not _within(staged, self._inside):
                return os.path.normpath(resolved + meant[len(staged) :])
        if posixpath.isabs(target) and _within(meant, self._inside):
            here = self._outdir + meant[len(self._inside) :]
            return os.path.relpath(here, os.path.dirname(link))
        return None


def _links(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            if os.path.islink(path):
                yield path


def _replace(link: str, target: str) -> None:
    beside = Path(f"{link}.chronos-link")
    with contextlib.suppress(PermissionError):  # A folder that the tool closed: its links stay as they are.
        beside.symlink_to(target)
        beside.replace(link)


def _paths(value: Any) -> Iterator[str]:
    """Yield the local paths of the files and directories in an output object."""
    if isinstance(value, Mapping):
        location = str(value.get("location") or "")
        if value.get("class") in ("File", "Directory") and location.startswith("file:"):
            yield unquote(urlsplit(location).path)
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for inner in value:
            yield from _paths(inner)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
