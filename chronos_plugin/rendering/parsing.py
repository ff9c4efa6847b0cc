"""Parse processes of the DAG processor that take one CWL file after another.

Airflow forks a process for each DAG file, since a Python file is a program. A CWL file is data: what
parsing one leaves behind cannot reach the next. The processes here are Airflow's own in all else:
one file at a time, each with its own slot, log, time limit and result.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
from airflow.dag_processing import processor
from airflow.dag_processing.processor import DagFileParseRequest, DagFileProcessorProcess

if TYPE_CHECKING:
    from airflow.dag_processing.manager import DagFileInfo, DagFileProcessorManager
    from airflow.dag_processing.processor import DagFileParsingResult

log = logging.getLogger(__name__)

_END_TIMEOUT = 5.0


def parse_files() -> None:
    """Parse the files that the manager names, one after the other, until it closes the connection.

    Runs in the child; the first message of Airflow's own entry point ends it, here it goes on.
    """
    import structlog
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import CommsDecoder
    from pydantic import TypeAdapter

    # As Airflow's: code that parses is a client, whatever its parent is.
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "client"
    adapter: TypeAdapter[Any] = TypeAdapter(processor.ToDagProcessor)
    decoder: Any = CommsDecoder(body_decoder=adapter, err_decoder=adapter)
    task_runner.SUPERVISOR_COMMS = decoder
    log = structlog.get_logger(logger_name="task")
    with suppress(EOFError, ConnectionError):
        while True:
            request = decoder._get_response()
            if not isinstance(request, DagFileParseRequest):
                raise TypeError(f"expected a request to parse a file, got {type(request).__name__}")
            decoder.send(processor._parse_file(request, log))


@attrs.define(kw_only=True)
class CwlParseProcess(DagFileProcessorProcess):
    """A parse process that its pool may give another file once it has parsed one.

    Attributes:
        file: The file that it parses or has parsed.
        taken: Number of files that it was given so far.
        on_close: Called by :meth:`close` with the process; true if it was taken back.
    """

    file: DagFileInfo
    on_close: Callable[[CwlParseProcess], bool]
    taken: int = 1

    @property
    def is_ready(self) -> bool:
        """Whether the file's result is there, or the process ended without one."""
        return self.parsing_result is not None or super().is_ready

    @property
    def is_usable(self) -> bool:
        """Whether it can be given another file."""
        connected = set(self._open_sockets.values()) == {"stdout", "stderr", "requests", "logs"}
        return self.parsing_result is not None and connected and self._check_subprocess_exit() is None

    def parse(self, file: DagFileInfo, logger: Any, logger_filehandle: Any) -> None:
        """Start with another file; what is logged from now on goes to ``logger``.

        Raises:
            OSError: If the process has just ended.
        """
        self.logger_filehandle.close()
        self.file, self.parsing_result, self.start_time = file, None, time.monotonic()
        self.bundle_name, self.dag_file_rel_path = file.bundle_name, str(file.rel_path)
        self.process_log, self.logger_filehandle = logger, logger_filehandle
        self.taken += 1
        sockets = {name: sock for sock, name in self._open_sockets.items()}
        for sock in sockets.values():
            self.selector.unregister(sock)
        self._register_pipe_readers(**sockets, data={})
        self._on_child_started([], file.absolute_path, _bundle_path(file), file.bundle_name)

    def close(self) -> None:
        """Give the process back to its pool, or end it."""
        try:
            kept = self.on_close(self)
        except Exception:
            log.warning("%s: the parse process is not used again", self.dag_file_rel_path, exc_info=True)
            kept = False
        if not kept:
            self.end()

    def write_log(self) -> None:
        """Write what the process said so far to the log of its present file."""
        # A process logs before it sends its result: then all that belongs to the file is here.
        for sock, name in list(self._open_sockets.items()):
            if name != "requests":
                self._drain(sock)

    def end(self) -> None:
        """Let a process end that has nothing to do, or has ended already, and wait for it."""
        with suppress(OSError):
            self.stdin.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(timeout=_END_TIMEOUT)
        except self._process.TimeoutExpired:
            self.kill(signal.SIGKILL)
        super().close()  # type: ignore[no-untyped-call]

    def _drain(self, sock: socket.socket) -> None:
        read, _ = self.selector.get_key(sock).data
        timeout = sock.gettimeout()
        sock.setblocking(False)
        with suppress(OSError):
            while read(sock):
                pass
        sock.settimeout(timeout)


class ParseProcesses:
    """The CWL parse processes of one manager.

    Args:
        manager: Whose selector, logs and API client they use.
        files_per_process: Files after which a process is replaced.
        on_parsed: Called with a file and its result once Airflow has stored it.
    """

    def __init__(
        self,
        manager: DagFileProcessorManager,
        files_per_process: int,
        on_parsed: Callable[[DagFileInfo, DagFileParsingResult | None], None],
    ) -> None:
        self._manager, self._limit, self._on_parsed = manager, files_per_process, on_parsed
        self._idle: list[CwlParseProcess] = []

    def parse(self, file: DagFileInfo) -> CwlParseProcess:
        """Return a process that parses ``file``: an idle one, else a new one."""
        while self._idle:
            process = self._idle.pop()
            if not process.is_usable:
                process.end()
                continue
            try:
                process.parse(file, *self._manager._get_logger_for_dag_file(file))
            except OSError:
                process.end()
                continue
            return process
        return self._start(file)

    def end_idle(self) -> None:
        """End the processes that have nothing to do."""
        while self._idle:
            self._idle.pop().end()

    def close(self) -> None:
        """End all processes: the idle ones now, the others with their file."""
        self._limit = 0
        self.end_idle()

    def _start(self, file: DagFileInfo) -> CwlParseProcess:
        from airflow.configuration import conf
        from uuid6 import uuid7

        logger, handle = self._manager._get_logger_for_dag_file(file)
        started: CwlParseProcess = CwlParseProcess.start(
            id=uuid7(),
            path=file.absolute_path,
            bundle_path=_bundle_path(file),
            bundle_name=file.bundle_name,
            dag_file_rel_path=str(file.rel_path),
            callbacks=[],
            target=parse_files,
            selector=self._manager.selector,
            logger=logger,
            logger_filehandle=handle,
            subprocess_logs_to_stdout=conf.get("logging", "dag_processor_log_target") == "stdout",
            client=self._manager.client,
            file=file,
            on_close=self._take_back,
        )
        return started

    def _take_back(self, process: CwlParseProcess) -> bool:
        self._on_parsed(process.file, process.parsing_result)
        if not process.is_usable:
            return False
        process.write_log()
        if process.taken >= self._limit:
            process.end()
        else:
            self._idle.append(process)
        return True


def _bundle_path(file: DagFileInfo) -> Any:
    if file.bundle_path is None:
        raise ValueError(f"{file.rel_path}: its bundle has no path")
    return file.bundle_path
