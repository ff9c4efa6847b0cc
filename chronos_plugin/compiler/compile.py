"""From a file to a compiled document, through the cache."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from chronos_plugin import __version__
from chronos_plugin.compiler.graph import FORMAT, TaskGraph
from chronos_plugin.compiler.specification import BUNDLE, Specification
from chronos_plugin.compiler.specification import Path as StepPath
from chronos_plugin.cwl.source import check_yaml, compose, read_source
from chronos_plugin.errors import CwlError, CwlInvalid

DEFAULT_MAX_BYTES = 8 << 20
_T = TypeVar("_T")


@dataclass(frozen=True)
class CompiledDocument:
    """A compiled process, tied to the copy of its bundle that it was asked for.

    Attributes:
        file: The CWL file.
        base: Folder of the bundle that the specifications' URIs are relative to.
        digest: SHA-256 over the document and all that it includes, and the compiler's version.
        folder: Where the compiled form lies.
        from_cache: Whether no CWL library was needed.
    """

    file: Path
    base: Path
    digest: str
    folder: Path
    graph: TaskGraph
    from_cache: bool = field(default=True, compare=False)

    def specification(self, path: StepPath) -> Specification:
        """Return the specification of the step (or, for ``()``, the root workflow) at ``path``."""
        known = self._specifications
        if path not in known:
            text = (self.folder / _specification_name(path)).read_text(encoding="utf-8")
            known[path] = Specification.from_json(json.loads(text.replace(BUNDLE, self._base_uri)))
        return known[path]

    def specification_digest(self, path: StepPath) -> str:
        """Return the SHA-256 of what is known of ``path``: the same in every copy of the bundle."""
        return hashlib.sha256((self.folder / _specification_name(path)).read_bytes()).hexdigest()

    @cached_property
    def _specifications(self) -> dict[StepPath, Specification]:
        return {}

    @cached_property
    def _base_uri(self) -> str:
        return _file_uri(self.base)


def compile_file(
    file: Path,
    *,
    cache_root: Path,
    bundle: Path | None = None,
    fragment: str = "",
    enable_dev: bool = True,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> CompiledDocument:
    """Compile the CWL document in ``file``, or take the result from the cache.

    Args:
        file: A CWL file in YAML or JSON.
        cache_root: Folder of the cache; made if missing. Concurrent use is safe.
        bundle: Folder that everything the document refers to must lie in; None: no bound.
        fragment: Id of the process inside a ``$graph`` document; empty: its root process.
        enable_dev: Accept development versions of CWL.
        max_bytes: Size over which a file is refused.

    Raises:
        CwlInvalid: If the document, or one that it refers to, is wrong or cannot be read.
        CwlUnsupported: If it asks for what this runner does not have.
    """
    file = Path(os.path.abspath(file))
    root = Path(os.path.abspath(bundle)) if bundle is not None else None
    data = read_source(file, root=root, max_bytes=max_bytes)
    folder = cache_root / _key(data, _place(file, root, fragment, enable_dev))
    for found in _cached(folder, file):
        return found
    return _compile(file, root, fragment, enable_dev, max_bytes, folder, data)


def cached_digest(
    file: Path,
    *,
    cache_root: Path,
    bundle: Path | None = None,
    fragment: str = "",
    enable_dev: bool = True,
    max_bytes: int = DEFAULT_MAX_BYTES,
) -> str | None:
    """Return the digest that :func:`compile_file` would find in the cache, None where it would compile."""
    file = Path(os.path.abspath(file))
    root = Path(os.path.abspath(bundle)) if bundle is not None else None
    try:
        data = read_source(file, root=root, max_bytes=max_bytes)
    except CwlError:
        return None
    folder = cache_root / _key(data, _place(file, root, fragment, enable_dev))
    return next((str(value["digest"]) for _, _, value in _valid_entries(folder, file)), None)


def _place(file: Path, root: Path | None, fragment: str, enable_dev: bool) -> str:
    return f"{file.relative_to(root).as_posix() if root else ''}#{fragment}#{enable_dev}"


def _key(data: bytes, place: str) -> str:
    version = f"{__version__}/{FORMAT}/{place}/".encode()
    digest = hashlib.sha256(version + data).hexdigest()
    return f"{digest[:2]}/{digest[2:34]}"


def _cached(folder: Path, file: Path) -> Iterator[CompiledDocument]:
    """Yield the compiled forms in ``folder`` whose included files are unchanged beside ``file``."""
    for variant, base, value in _valid_entries(folder, file):
        with suppress(ValueError, KeyError, TypeError):
            yield CompiledDocument(
                file=file,
                base=base,
                digest=value["digest"],
                folder=variant,
                graph=TaskGraph.from_json(value["graph"]),
            )


def _valid_entries(folder: Path, file: Path) -> Iterator[tuple[Path, Path, dict[str, Any]]]:
    """Yield folder, base and content of the entries whose included files are unchanged beside ``file``."""
    try:
        variants = sorted(os.listdir(folder))
    except OSError:
        return
    for variant in variants:
        if variant.endswith(".partial"):
            continue
        try:
            value = json.loads((folder / variant / "graph.json").read_bytes())
            base = _base(file, value["up"])
            if all(_digest(base / name) == digest for name, digest in value["includes"].items()):
                yield folder / variant, base, value
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # A damaged or foreign entry is no reason to fail: it is compiled again.


def _compile(
    file: Path, root: Path | None, fragment: str, enable_dev: bool, max_bytes: int, folder: Path, data: bytes
) -> CompiledDocument:
    from chronos_plugin.compiler.lower import lower
    from chronos_plugin.cwl import library
    from chronos_plugin.cwl.checks import check_process

    includes: dict[Path, str] = {}

    def on_read(path: Path) -> None:
        content = read_source(path, root=root, max_bytes=max_bytes)
        includes[path] = hashlib.sha256(content).hexdigest()
        if path.suffix in (".cwl", ".yml", ".yaml", ".json"):
            compose(content, str(path.relative_to(root) if root else path))

    try:
        check_yaml(data, str(file.relative_to(root) if root else file))
        context = library.loading_context(enable_dev=enable_dev, on_read=on_read)
        uri = _file_uri(file) + (f"#{fragment}" if fragment else "")
        process = library.load_process(uri, context)
        check_process(process, root=root)
        lowered = lower(process)
    except Exception as error:
        raise _blamed(error, file, root) from error
    includes.pop(file, None)
    base = root or _common_folder(file, includes)
    up = len(file.parent.relative_to(base).parts)
    names = {path.relative_to(base).as_posix(): digest for path, digest in sorted(includes.items())}
    everything = json.dumps([folder.name, names], sort_keys=True)
    digest = hashlib.sha256(everything.encode()).hexdigest()
    value = {"digest": digest, "up": up, "includes": names, "graph": lowered.graph.to_json()}
    files: dict[str, Any] = {"graph.json": value}
    for path, specification in lowered.specifications.items():
        files[_specification_name(path)] = specification.to_json()
    target = folder / digest[:32]
    _publish(target, {name: _relocatable(content, base) for name, content in files.items()})
    return CompiledDocument(
        file=file,
        base=base,
        digest=digest,
        folder=target,
        graph=TaskGraph.from_json(json.loads(json.dumps(lowered.graph.to_json()))),
        from_cache=False,
    )


def _blamed(error: Exception, file: Path, root: Path | None) -> CwlError:
    """Return ``error`` as a CwlError that names a place."""
    from chronos_plugin.cwl.diagnose import diagnose

    found = diagnose(error, file=file, root=root)
    if found.location is None:
        return found.in_file(str(file.relative_to(root) if root else file))
    return found


def _common_folder(file: Path, includes: dict[Path, str]) -> Path:
    return Path(os.path.commonpath([file.parent, *(path.parent for path in includes)]))


def _relocatable(value: Any, base: Path) -> str:
    return json.dumps(value, ensure_ascii=False).replace(_file_uri(base) + "/", BUNDLE + "/")


def _publish(target: Path, files: dict[str, str]) -> None:
    """Write all files or none: readers must never see half of a compiled document."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, suffix=".partial"))
    for name, text in files.items():
        (partial / name).write_text(text, encoding="utf-8")
    partial.chmod(0o755)
    try:
        partial.rename(target)
    except OSError:
        # Another process was faster, or a damaged entry stands in the way.
        for name in files:
            os.replace(partial / name, target / name)
        partial.rmdir()


def _base(file: Path, up: int) -> Path:
    base = file.parent
    for _ in range(up):
        base = base.parent
    return base


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _specification_name(path: StepPath) -> str:
    name = hashlib.sha256("/".join(path).encode()).hexdigest()[:24]
    return f"step-{name}.json"


def _file_uri(path: Path) -> str:
    return "file://" + quote(str(path), safe="/~")


__all__ = ["CompiledDocument", "CwlInvalid", "compile_file"]
