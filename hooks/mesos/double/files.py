"""The files API of the double's agents: sandboxes only, whatever the path says."""

from __future__ import annotations

import base64
import grp
import pwd
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LARGEST_READ = 65536


def resolve(roots: list[Path], path: str) -> Path | None:
    """Return the file for a real or a virtual path in one of the agents' folders; None if there is none."""
    for root in roots:
        candidates = [Path(path)]
        if path.startswith("/frameworks/"):
            candidates = list((root / "slaves").glob(f"*{path}")) if ".." not in path else []
        for candidate in candidates:
            real = candidate.resolve()
            if real.is_relative_to(root.resolve()) and real.exists():
                return real
    return None


def read(file: Path, offset: int, length: int | None) -> dict[str, Any]:
    """Answer ``/files/read``."""
    if offset < 0:
        return {"data": "", "offset": file.stat().st_size}
    data = _bytes(file, offset, length)
    return {"data": data.decode(errors="replace"), "offset": offset}


def browse(folder: Path) -> list[dict[str, Any]]:
    """Answer ``/files/browse``."""
    found = []
    for file in sorted(folder.iterdir()):
        status = file.stat()
        found.append(
            {
                "gid": grp.getgrgid(status.st_gid).gr_name,
                "mode": stat.filemode(status.st_mode),
                "mtime": float(int(status.st_mtime)),
                "nlink": status.st_nlink,
                "path": str(file),
                "size": status.st_size,
                "uid": pwd.getpwuid(status.st_uid).pw_name,
            }
        )
    return found


def operator_call(roots: list[Path], body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """Answer READ_FILE and LIST_FILES of the agent's v1 operator API."""
    kind = body.get("type")
    asked = body.get(str(kind).lower(), {})
    file = resolve(roots, str(asked.get("path")))
    if kind == "READ_FILE":
        if file is None or not file.is_file():
            return 404, {}
        data = _bytes(file, int(asked.get("offset", 0)), asked.get("length"))
        answer = {"size": file.stat().st_size, "data": base64.b64encode(data).decode()}
        return 200, {"type": kind, "read_file": answer}
    if kind == "LIST_FILES":
        if file is None or not file.is_dir():
            return 404, {}
        return 200, {"type": kind, "list_files": {"file_infos": [_info(f) for f in browse(file)]}}
    return 400, {}


def _info(entry: dict[str, Any]) -> dict[str, Any]:
    mode = Path(entry["path"]).stat().st_mode
    nanoseconds = {"nanoseconds": int(entry["mtime"] * 1e9)}
    rest = {name: entry[name] for name in ("uid", "gid")}
    return {
        "path": entry["path"],
        "nlink": entry["nlink"],
        "size": entry["size"],
        "mtime": nanoseconds,
        "mode": mode,
        **rest,
    }


def _bytes(file: Path, offset: int, length: int | None) -> bytes:
    with open(file, "rb") as stream:
        stream.seek(offset)
        return stream.read(LARGEST_READ if length is None else min(length, LARGEST_READ))
