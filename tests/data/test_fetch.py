"""Downloads that come to an end: broken connections, killed processes, several processes, damage."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from chronos_plugin.data import progress
from chronos_plugin.data.access import DataAccess, DataOptions
from chronos_plugin.data.cache import ContentCache
from chronos_plugin.data.fetch import Wanted, fetch, in_parallel
from chronos_plugin.data.location import parse
from chronos_plugin.errors import DataMissing, InputInvalid, TransferFailed, TransferRefused, TransferStopped

CONTENT = os.urandom(3 << 20)
OPTIONS = DataOptions(pause=0.01, timeout=10)

_PROGRAM = """
import json, logging, sys
from pathlib import Path
from chronos_plugin.data.access import DataAccess, DataOptions
from chronos_plugin.data.cache import ContentCache
from chronos_plugin.data.fetch import Wanted, fetch
from chronos_plugin.data.location import parse
uri, cache, target = sys.argv[1:]
logging.basicConfig(level=logging.INFO, format="%(message)s")
with DataAccess(DataOptions(timeout=20)) as data:
    fetch(data, ContentCache(Path(cache)), [Wanted(parse(uri), Path(target))])
"""


@pytest.fixture
def cache(tmp_path: Path) -> ContentCache:
    return ContentCache(tmp_path / "cache")


def get(cache: ContentCache, uri: str, target: Path, options: DataOptions = OPTIONS, **more: Any) -> None:
    with DataAccess(options) as data:
        fetch(data, cache, [Wanted(parse(uri), target, **more)])


def start(cache: ContentCache, uri: str, target: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, uri, str(cache.root), str(target)],
        stderr=subprocess.PIPE,
        text=True,
    )


def parts(cache: ContentCache) -> list[Path]:
    return [p for p in cache.root.glob("parts/*") if p.suffix != ".lock"]


def until(condition: Any) -> None:
    for _ in range(2000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("did not happen")


def test_a_file_and_again_from_the_cache(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    web.files["/a"] = CONTENT
    get(cache, f"{web.base}/a", tmp_path / "1" / "a")
    get(cache, f"{web.base}/a", tmp_path / "2" / "a")
    assert (tmp_path / "2" / "a").read_bytes() == CONTENT
    assert len(web.gets("/a")) == 1


def test_the_same_content_from_another_place_is_known_by_its_checksum(
    web: Any, cache: ContentCache, tmp_path: Path
) -> None:
    web.files.update({"/a": CONTENT, "/b": CONTENT})
    get(cache, f"{web.base}/a", tmp_path / "a")
    get(cache, f"{web.base}/b", tmp_path / "b", sha1=hashlib.sha1(CONTENT).hexdigest())
    assert web.gets("/b") == []


def test_a_connection_that_breaks_again_and_again(
    web: Any, cache: ContentCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As long as it gets on by more than a MiB, it may break more often than there are retries."""
    caplog.set_level(logging.INFO, "chronos.data")
    content = os.urandom(9 << 20)
    web.files["/a"] = content
    web.cut = [3 << 19] * 6
    get(cache, f"{web.base}/a", tmp_path / "a", DataOptions(retries=1, pause=0.01))
    assert (tmp_path / "a").read_bytes() == content
    asked = web.gets("/a")
    assert asked[0] == ""
    assert all(asked[1:])
    assert len(asked) == 6
    assert "trying again" in caplog.text
    assert "fetched http" in caplog.text


def test_a_server_that_never_gets_on_is_given_up(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    web.files["/a"] = CONTENT
    web.cut = [0] * 20
    with pytest.raises(TransferFailed):
        get(cache, f"{web.base}/a", tmp_path / "a", DataOptions(retries=3, pause=0.01))
    assert len(web.gets("/a")) == 4
    assert not (tmp_path / "a").exists()


def test_server_errors_in_passing(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    web.files["/a"] = CONTENT
    web.refuse = [503, 500, 429]
    get(cache, f"{web.base}/a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize(("code", "kind"), [(404, DataMissing), (403, TransferRefused)])
def test_final_answers_are_not_asked_for_again(
    web: Any, cache: ContentCache, tmp_path: Path, code: int, kind: type[Exception]
) -> None:
    web.files["/a"] = CONTENT
    web.refuse = [code] * 2
    with pytest.raises(kind):
        get(cache, f"{web.base}/a", tmp_path / "a")
    assert len(web.asked) <= 2


def test_damage_is_found_and_fetched_anew(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    web.files["/a"] = CONTENT
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    web.digests["Repr-Digest"] = f"sha-256=:{digest}:"
    with DataAccess(OPTIONS) as data:
        status = data.stat(parse(f"{web.base}/a"))
    with cache.part(parse(f"{web.base}/a"), status) as part:
        # A damaged disk, or a file system that lost the last blocks in a power cut.
        part.write_bytes(bytes(1 << 20))
    get(cache, f"{web.base}/a", tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert web.gets("/a") == [f"bytes={1 << 20}-", ""]


def test_a_file_that_is_not_the_one_meant_is_refused(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    web.files["/a"] = CONTENT
    with pytest.raises(TransferRefused, match="not the file that the input object means"):
        get(cache, f"{web.base}/a", tmp_path / "a", sha1="0" * 40)
    with pytest.raises(TransferRefused, match="bytes"):
        get(cache, f"{web.base}/a", tmp_path / "a", size=3)
    assert not (tmp_path / "a").exists()
    assert cache.contents() == []


def test_killed_in_the_middle_and_gone_on(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    """Kill -9 during a download: its lock goes with it, and the next process fetches the rest."""
    web.files["/a"], web.block = CONTENT, 0.02
    process = start(cache, f"{web.base}/a", tmp_path / "a")
    until(lambda: any(p.stat().st_size > 300_000 for p in parts(cache)))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "a").exists()
    have = parts(cache)[0].stat().st_size
    assert 0 < have < len(CONTENT)
    web.block = 0.0
    second = start(cache, f"{web.base}/a", tmp_path / "a")
    _, said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert web.gets("/a") == ["", f"bytes={have}-"]
    assert "going on after" in said
    assert parts(cache) == []


def test_two_processes_fetch_a_file_once(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    web.files["/a"], web.block = CONTENT, 0.02
    processes = [start(cache, f"{web.base}/a", tmp_path / str(n) / "a") for n in range(2)]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert os.path.samefile(tmp_path / "0" / "a", tmp_path / "1" / "a")
    assert (tmp_path / "0" / "a").read_bytes() == CONTENT
    assert web.gets("/a") == [""]


def test_many_at_a_time_but_no_more_than_allowed(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    web.files.update({f"/{n}": bytes([n]) * 1000 for n in range(20)})
    with DataAccess(DataOptions(parallel=3)) as data:
        fetch(data, cache, [Wanted(parse(f"{web.base}/{n}"), tmp_path / str(n)) for n in range(20)])
    assert all((tmp_path / str(n)).read_bytes() == bytes([n]) * 1000 for n in range(20))


def test_the_first_error_ends_the_others(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    web.files.update({"/good": CONTENT})
    web.block = 0.01
    wanted = [Wanted(parse(f"{web.base}/{name}"), tmp_path / name) for name in ("good", "gone")]
    with DataAccess(OPTIONS) as data, pytest.raises(DataMissing, match="gone"):
        fetch(data, cache, wanted)


def test_a_task_that_ends_stops_its_transfers(web: Any, cache: ContentCache, tmp_path: Path) -> None:
    web.files["/a"], web.block = CONTENT, 0.02
    stopping = []
    with DataAccess(OPTIONS, lambda: bool(stopping)) as data, pytest.raises(TransferStopped):
        in_parallel(data, [0, 1], lambda n: stopping.append(1) if n else _wait(data))
    with DataAccess(OPTIONS, lambda: bool(stopping)) as data, pytest.raises(TransferStopped):
        fetch(data, cache, [Wanted(parse(f"{web.base}/a"), tmp_path / "a")])


def _wait(data: DataAccess) -> None:
    while True:
        data.check_stopping()
        time.sleep(0.01)


def test_progress_is_told_now_and_then(
    web: Any,
    cache: ContentCache,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "chronos.data")
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    web.files["/a"] = CONTENT
    get(cache, f"{web.base}/a", tmp_path / "a")
    lines = [r.message for r in caplog.records if r.message.startswith("fetching: ")]
    assert lines[-1].startswith("fetching: 100 % of 3.0 MiB, ")
    assert lines[-1].endswith("/s")


def test_only_allowed_places() -> None:
    with DataAccess(DataOptions(allowed=("https://a.example.org/data", "s3://bucket"))) as data:
        assert data.locate("https://A.example.org/data/x").name == "x"
        for wrong in (
            "https://a.example.org/data2",
            "https://b.example.org/data/x",
            "http://a.example.org/data",
        ):
            with pytest.raises(InputInvalid, match="input_uris"):
                data.locate(wrong)
