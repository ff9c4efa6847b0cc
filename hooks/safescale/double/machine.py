"""A host of the double: a folder of this machine in which commands really run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

_MARK = "SAFESCALE_DOUBLE_HOST"


@dataclass
class Machine:
    """Runs commands in ``folder``, as if logged in to a host."""

    folder: Path
    id: str

    def run(self, command: str, limit: float) -> tuple[int, str, str]:
        """Return status, output and error output of a command; TimeoutError after ``limit`` seconds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env={
                "HOME": str(self.folder),
                "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                _MARK: self._mark,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise TimeoutError from None
        return process.returncode, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace")

    def copy(self, source: Path, destination: Path) -> None:
        """Copy a file or folder; a relative path starts in the host's folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, destination, dirs_exist_ok=True)
        else:
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, destination)

    def kill(self) -> None:
        """End every process that was started here, as a host's end does."""
        wanted = f"{_MARK}={self._mark}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue  # ended by itself, or somebody else's

    @property
    def _mark(self) -> str:
        return f"{self.id}@{self.folder}"
