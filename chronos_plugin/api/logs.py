"""Logs of task instances: from Airflow's files where they are here, else as Airflow reads them elsewhere."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chronos_plugin.api.logfiles import LogFiles, files_below
from chronos_plugin.api.models.logs import Level, Log, LogLine, LogSearch
from chronos_plugin.errors import NotKnown, ServiceFailed

MOST_BYTES = 4 << 20
"""Of lines in one answer."""
MOST_SEARCHED = 512 << 20
"""Bytes that one request searches."""
_SMALL = 8 << 20
"""Bytes of a log for whose parts Airflow may ask other machines."""
_SOURCES = "::group::Log message source details"
_LEVELS: dict[Level, tuple[str, ...]] = {
    "warning": ("warning", "error", "critical"),
    "error": ("error", "critical"),
}


@dataclass(frozen=True)
class Place:
    """A try of a task instance.

    Attributes:
        try_number: None: the last one.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    try_number: int | None = None


@dataclass(frozen=True)
class Sought:
    """What lines must have.

    Attributes:
        text: Contained in them; the letters A to Z in either case. Empty: anything.
        level: This level or a worse one.
    """

    text: str = ""
    level: Level | None = None

    def fits(self, line: LogLine) -> bool:
        """Return whether a line has it."""
        if self.level is not None and line.level.lower() not in _LEVELS[self.level]:
            return False
        return self.text.lower() in "\n".join((line.event, *line.error)).lower()

    def words(self) -> list[bytes]:
        """Return what a line of a file contains one of, in lower case, if it fits."""
        if not self.text:
            return [f'"{level}"'.encode() for level in _LEVELS[self.level or "error"]]
        inside = (json.dumps(self.text, ensure_ascii=ascii)[1:-1] for ascii in (False, True))
        return list({word.encode().lower() for word in (self.text, *inside)})


def read_log(place: Place, *, offset: int = 0, limit: int, tail: int | None = None) -> Log:
    """Return lines of the log of a try.

    Args:
        tail: The last so many lines, whatever ``offset`` says.

    Raises:
        NotKnown: If Airflow has no such try: it may be pruned.
        ServiceFailed: If the deployment's log handler cannot read.
    """
    found = _find(place)
    total = found.files.total if found.files else len(found.lines)
    if tail is not None:
        offset, limit = max(total - tail, 0), tail
    if found.files:
        content = found.files.lines(offset, limit, MOST_BYTES)
        lines = [_parsed(line, number) for number, line in enumerate(content, start=offset)]
    else:
        lines = found.lines[offset : offset + limit]
    return Log(
        dag_id=place.dag_id,
        run_id=place.run_id,
        task_id=place.task_id,
        map_index=place.map_index,
        try_number=found.number,
        lines=lines,
        total=total,
        offset=offset,
        size=found.files.size if found.files else None,
        complete=found.ended,
    )


def search_log(place: Place, sought: Sought, *, offset: int, limit: int) -> LogSearch:
    """Return lines that fit, from a number on; as :func:`read_log`."""
    found = _find(place)
    if found.files is None:
        hits = [line for line in found.lines[offset:] if sought.fits(line)]
        following = hits[limit].number if len(hits) > limit else None
        return LogSearch(hits=hits[:limit], next=following, total=len(found.lines), complete=found.ended)
    hits, following = [], None
    for number, content in found.files.candidates(sought.words(), offset, MOST_SEARCHED):
        if not content:
            following = number if number < found.files.total else None
            continue
        line = _parsed(content, number)
        if sought.fits(line):
            if len(hits) == limit:
                following = number
                break
            hits.append(line)
    return LogSearch(hits=hits, next=following, total=found.files.total, complete=found.ended)


def raw_log(place: Place) -> LogFiles | Iterator[bytes]:
    """Return the log as Airflow wrote it; else, from elsewhere, as JSON lines; as :func:`read_log`."""
    found = _find(place)
    return found.files or (line.model_dump_json().encode() + b"\n" for line in found.lines)


# -- where it is -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    number: int
    ended: bool
    files: LogFiles | None
    lines: list[LogLine]


def _find(place: Place) -> _Found:
    from airflow.models.dagbag import DBDagBag
    from airflow.utils.log.log_reader import TaskLogReader
    from airflow.utils.session import create_session

    reader = TaskLogReader()
    if not reader.supports_read:
        raise ServiceFailed("[logging] task_log_reader names a handler that cannot read logs")
    with create_session(scoped=False) as session:
        instance = _instance(session, place)
        number = place.try_number or max(instance.try_number, 1)
        ended = str(instance.state) in ("success", "failed", "skipped", "upstream_failed", "removed")
        files = _files(reader.log_handler, instance, number, session)
        if files is not None:
            return _Found(number, ended, files, [])
        dag = DBDagBag().get_dag_for_run(instance.dag_run, session=session)
        if dag is not None and dag.has_task(place.task_id):
            instance.task = dag.get_task(place.task_id)
        whole: Any = {"download_logs": True}
        stream, _ = reader.read_log_chunks(instance, number, whole)
        lines = [_numbered(line, n) for n, line in enumerate(_lines(stream))]
        return _Found(number, ended, None, lines)


def _files(handler: Any, instance: Any, number: int, session: Any) -> LogFiles | None:
    """Return the files of a log where they are here, and all that there is of it."""
    from airflow.utils.net import get_hostname

    base, name_of = getattr(handler, "local_base", None), getattr(handler, "_render_filename", None)
    if base is None or name_of is None:
        return None
    paths = files_below(Path(base), name_of(instance, number, session=session))
    if not paths:
        return None
    here = instance.hostname in ("", get_hostname()) and not (
        getattr(instance, "trigger_id", None) is not None and len(paths) == 1
    )
    if here or sum(path.stat().st_size for path in paths) > _SMALL:
        return LogFiles(paths)
    return None


def _instance(session: Any, place: Place) -> Any:
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskinstancehistory import TaskInstanceHistory
    from sqlalchemy import select
    from sqlalchemy.orm import joinedload

    for table in (TaskInstance, TaskInstanceHistory):
        wanted = (
            select(table)
            .where(
                table.dag_id == place.dag_id,
                table.run_id == place.run_id,
                table.task_id == place.task_id,
                table.map_index == place.map_index,
            )
            .options(joinedload(table.dag_run))
        )
        if place.try_number is not None:
            wanted = wanted.where(table.try_number == place.try_number)
        found = session.scalars(wanted.limit(1)).first()
        if found is not None:
            return found
    which = f"try {place.try_number} of " if place.try_number else ""
    raise NotKnown(f"Airflow knows no {which}{place.task_id} in run {place.run_id} of {place.dag_id}")


# -- lines -----------------------------------------------------------------------------------------


def _lines(stream: Iterable[Any]) -> Iterator[LogLine]:
    """Yield the lines of a log without what Airflow says of where it lies."""
    of_airflow = False
    for message in stream:
        line = _line(message if isinstance(message, dict) else message.model_dump(), 0)
        if line.event.startswith(_SOURCES):
            of_airflow = True
        elif line.event.startswith("::endgroup::"):
            of_airflow = False
        elif not of_airflow and not line.event.startswith("::group::"):
            yield line


def _numbered(line: LogLine, number: int) -> LogLine:
    return line.model_copy(update={"number": number})


def _parsed(content: bytes, number: int) -> LogLine:
    """Return a line of a file: JSON, as Airflow writes it, or the text of something else."""
    text = content.decode(errors="replace")
    value: Any = None
    if text.startswith("{"):
        with contextlib.suppress(ValueError):
            value = json.loads(text)
    return _line(value if isinstance(value, dict) and "event" in value else {"event": text}, number)


def _line(value: dict[str, Any], number: int) -> LogLine:
    errors = value.get("error_detail")
    return LogLine(
        number=number,
        event=str(value.get("event", "")),
        timestamp=_moment(value.get("timestamp")),
        level=str(value.get("level") or ""),
        logger=str(value.get("logger") or ""),
        error=[
            f"{one.get('exc_type')}: {one.get('exc_value')}"
            for one in (errors if isinstance(errors, list) else ())
            if isinstance(one, dict)
        ],
    )


def _moment(value: Any) -> datetime.datetime | None:
    if isinstance(value, datetime.datetime) or value is None:
        return value
    with contextlib.suppress(ValueError):
        return datetime.datetime.fromisoformat(str(value))
    return None
