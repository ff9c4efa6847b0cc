"""The cache of a site: found by version, linked, bounded, and never taken from under a run."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chronos_plugin.data.cache import ContentCache
from chronos_plugin.data.location import Location, parse
from chronos_plugin.data.locks import held, held_at_once
from chronos_plugin.data.transport import Status


@pytest.fixture
def cache(tmp_path: Path) -> ContentCache:
    return ContentCache(tmp_path / "cache")


def add(
    cache: ContentCache, target: Path, text: str = "content", name: str = "a", version: str = "etag:1"
) -> str:
    """Put a file into the cache, as a download does; return its SHA-1."""
    location, status = place(name), Status(len(text), validator=version)
    sha1 = hashlib.sha1(text.encode()).hexdigest()
    with cache.part(location, status) as part:
        part.write_text(text)
        cache.add(part, sha1, location, status, target)
    return sha1


def leave_half(cache: ContentCache, status: Status) -> Path:
    """Break off a download; return the file that it leaves."""
    with contextlib.suppress(RuntimeError), cache.part(place("a"), status) as part:
        part.write_text("half")
        raise RuntimeError
    return part


def place(name: str) -> Location:
    return parse(f"https://host/{name}?signature=secret")


def age(cache: ContentCache, sha1: str, seconds: float) -> None:
    entry = cache.root / "entries" / f"{sha1}.json"
    os.utime(entry, (seconds, seconds))


def test_what_was_fetched_is_linked_again(cache: ContentCache, tmp_path: Path) -> None:
    sha1 = add(cache, tmp_path / "run1" / "a")
    assert cache.known(place("a"), Status(7, validator="etag:1")) == sha1
    assert cache.place(sha1, tmp_path / "run2" / "b")
    assert os.path.samefile(tmp_path / "run1" / "a", tmp_path / "run2" / "b")
    assert (tmp_path / "run2" / "b").read_text() == "content"
    assert not os.access(tmp_path / "run2" / "b", os.W_OK) or os.getuid() == 0


def test_another_version_is_another_file(cache: ContentCache, tmp_path: Path) -> None:
    first = add(cache, tmp_path / "a")
    assert cache.known(place("a"), Status(7, validator="etag:2")) is None
    second = add(cache, tmp_path / "b", "other", version="etag:2")
    assert first != second
    assert (tmp_path / "a").read_text() == "content"
    assert cache.known(place("a"), Status(5, validator="etag:2")) == second


def test_a_place_that_tells_no_version_is_never_known(cache: ContentCache, tmp_path: Path) -> None:
    sha1 = add(cache, tmp_path / "a", version="")
    assert cache.known(place("a"), Status(7)) is None
    assert cache.place(sha1, tmp_path / "b")
    assert not list((cache.root / "parts").iterdir())


def test_content_that_a_tool_has_changed_is_not_used(cache: ContentCache, tmp_path: Path) -> None:
    sha1 = add(cache, tmp_path / "a")
    (tmp_path / "a").chmod(0o644)
    (tmp_path / "a").write_text("changed")
    os.utime(tmp_path / "a", (1, 1))
    assert not cache.place(sha1, tmp_path / "b")
    add(cache, tmp_path / "c")
    assert (tmp_path / "c").read_text() == "content"


def test_placing_again_changes_nothing_for_who_reads(cache: ContentCache, tmp_path: Path) -> None:
    sha1 = add(cache, tmp_path / "run" / "a")
    with open(tmp_path / "run" / "a") as reading:
        assert cache.place(sha1, tmp_path / "run" / "a")
        assert os.path.samestat(os.fstat(reading.fileno()), (tmp_path / "run" / "a").stat())
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["a"]


def test_eviction_takes_the_longest_unused_that_no_run_has(cache: ContentCache, tmp_path: Path) -> None:
    names = [add(cache, tmp_path / n, n * 10, n, f"etag:{n}") for n in "abcd"]
    for number, sha1 in enumerate(names):
        age(cache, sha1, number)
    for name in "acd":
        (tmp_path / name).unlink()
    # a and c are the oldest that nothing uses; b is in a run.
    assert [c.sha1 for c in cache.evict(20, dry_run=True)] == [names[0], names[2]]
    assert len(cache.contents()) == 4
    assert [c.sha1 for c in cache.evict(20)] == [names[0], names[2]]
    assert [c.sha1 for c in cache.contents()] == [names[1], names[3]]
    assert (tmp_path / "b").read_text() == "b" * 10
    assert len(list((cache.root / "places").iterdir())) == 2


def test_the_bound_holds_when_files_are_added(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache", limit=25)
    for name in "abcde":
        add(cache, tmp_path / name, name * 10, name)
        (tmp_path / name).unlink()
    assert sum(c.size for c in cache.contents()) <= 25


def test_use_makes_young(cache: ContentCache, tmp_path: Path) -> None:
    first, second = add(cache, tmp_path / "a", "a" * 10, "a"), add(cache, tmp_path / "b", "b" * 10, "b")
    age(cache, first, 1)
    age(cache, second, 2)
    cache.place(first, tmp_path / "again")
    for name in ("a", "b", "again"):
        (tmp_path / name).unlink()
    assert [c.sha1 for c in cache.evict(10)] == [second]


def test_across_file_systems_files_are_symbolic_links_that_hold(
    cache: ContentCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    sha1 = add(cache, tmp_path / "run" / "a")
    assert (tmp_path / "run" / "a").is_symlink()
    assert cache.evict(0) == []
    cache.place(sha1, tmp_path / "run" / "folder" / "b", inside_folder=True)
    assert not (tmp_path / "run" / "folder" / "b").is_symlink()
    (tmp_path / "run" / "a").unlink()
    assert [c.sha1 for c in cache.evict(0)] == [sha1]
    assert (tmp_path / "run" / "folder" / "b").read_text() == "content"


def test_what_arrived_before_a_failure_stays(cache: ContentCache) -> None:
    status = Status(9, validator="etag:1")
    leave_half(cache, status)
    with cache.part(place("a"), status) as part:
        assert part.read_text() == "half"
    with cache.part(place("a"), Status(9, validator="etag:2")) as part:
        assert not part.exists()


def test_stale_parts_go(cache: ContentCache) -> None:
    status = Status(9, validator="etag:1")
    part = leave_half(cache, status)
    cache.evict(0)
    assert part.exists()
    os.utime(part, (1, 1))
    with held(part.with_name(f"{part.name}.lock")):
        cache.evict(0)
    assert part.exists()
    cache.evict(0)
    assert not part.exists()
    assert not list((cache.root / "parts").iterdir())


def test_one_at_a_time_has_a_part(cache: ContentCache) -> None:
    status, order = Status(9, validator="etag:1"), []
    waited = threading.Event()

    def second() -> None:
        with cache.part(place("a"), status, lambda _: waited.set()):
            order.append("second")

    with cache.part(place("a"), status):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(60)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]


def test_locks_are_given_on_when_their_file_goes(tmp_path: Path) -> None:
    with held(tmp_path / "lock", remove=True), held_at_once(tmp_path / "lock") as mine:
        assert mine is False
    assert not (tmp_path / "lock").exists()
    with held_at_once(tmp_path / "lock") as mine:
        assert mine is True


def test_no_signature_is_kept(cache: ContentCache, tmp_path: Path) -> None:
    add(cache, tmp_path / "a")
    kept = b"".join(p.read_bytes() for p in cache.root.rglob("*") if p.is_file())
    assert b"secret" not in kept
    assert b"https://host/a" in kept


_STRESS = """
import hashlib, os, random, sys
from pathlib import Path
from chronos_plugin.data.cache import ContentCache
from chronos_plugin.data.location import parse
from chronos_plugin.data.transport import Status
root, folder, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
cache, chance = ContentCache(root, 3000), random.Random(seed)
for turn in range(60):
    number = chance.randrange(8)
    text = str(number) * 1000
    sha1, target = hashlib.sha1(text.encode()).hexdigest(), folder / f"{turn}"
    location, status = parse(f"https://host/{number}"), Status(1000, validator=f"etag:{number}")
    known = cache.known(location, status)
    if known is None or not cache.place(known, target):
        with cache.part(location, status) as part:
            part.write_text(text)
            cache.add(part, sha1, location, status, target)
    if chance.random() < 0.3:
        cache.evict()
    assert target.read_text() == text, target
    if chance.random() < 0.7:
        target.unlink()
"""


def test_several_processes_that_fetch_and_evict(tmp_path: Path) -> None:
    """No run ever loses what it was given, and no process fails."""
    processes = []
    for seed in range(4):
        folder = tmp_path / f"run{seed}"
        folder.mkdir()
        words = [sys.executable, "-c", _STRESS, str(tmp_path / "cache"), str(folder), str(seed)]
        processes.append(subprocess.Popen(words, stderr=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    for target in tmp_path.glob("run*/*"):
        assert len(set(target.read_text())) == 1
        assert target.stat().st_size == 1000
