"""``job.sh``: what a target runs. POSIX shell, so that it runs on any node and in any image."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DUPLICATE_STATUS = 75
"""Exit status of a ``job.sh`` that found its job started already (``EX_TEMPFAIL`` of sysexits.h)."""

GRACE = 10
"""Seconds between asking a tool to end and killing it."""


@dataclass(frozen=True)
class Command:
    """A command line, ready to run.

    Attributes:
        stdin, stdout, stderr: Absolute paths; None: nothing to read, and the job's log.
        environment: Variables to set.
        inherit: Whether the node's own variables are kept beside them (container engines need them).
        cwd: Absolute path of the working directory.
        time_limit: Seconds after which it is ended.
        engine: Command of the container engine that it calls; None where it calls none.
        containers: Folder in which the engine writes the ids of what it runs.
        image: Image that it runs in, for the record.
    """

    arguments: tuple[str, ...]
    cwd: str
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    inherit: bool = False
    time_limit: float | None = None
    engine: str | None = None
    containers: str | None = None
    image: str | None = None


def render(command: Command, folder: Path, worker_path: str) -> str:
    """Return the text of ``job.sh``.

    It runs the command in a session of its own, at most once for a folder; on TERM, INT, HUP and when
    its time is over it ends the whole session, and the container; at the end it writes ``exit.json``::

        {"exit_code": 0, "timed_out": false, "started": …, "ended": …, "node": …, "cpu": …, "memory": …}

    Args:
        worker_path: ``PATH`` of the worker: a ``PATH`` equal to it is a default that no document asked
            for; the node's own is appended to it.
    """
    return _TEMPLATE.format(
        folder=_quote(str(folder)),
        cwd=_quote(command.cwd),
        run=_run(command, worker_path),
        stdin=_quote(command.stdin or "/dev/null"),
        stdout=_quote(command.stdout) if command.stdout else '"$folder/log.txt"',
        stderr=_quote(command.stderr) if command.stderr else '"$folder/log.txt"',
        stdout_mode=">" if command.stdout else ">>",
        stderr_mode=">" if command.stderr else ">>",
        limit=f"{command.time_limit:g}" if command.time_limit and command.time_limit > 0 else "",
        grace=GRACE,
        duplicate=DUPLICATE_STATUS,
        end_containers=_end_containers(command),
        image=_image(command),
    )


def _run(command: Command, worker_path: str) -> str:
    assignments = []
    for name, value in command.environment.items():
        if name == "PATH" and value == worker_path:
            assignments.append(f'PATH={_quote(value)}"${{PATH:+:$PATH}}"')
        else:
            assignments.append(f"{name}={_quote(value)}")
    words = ["env", *([] if command.inherit else ["-i"]), *assignments]
    return " ".join([*words, *map(_quote, command.arguments)])


def _end_containers(command: Command) -> str:
    if not command.engine or not command.containers:
        return ":"
    engine, folder = _quote(command.engine), _quote(command.containers)
    return f'for id in {folder}/*; do [ -s "$id" ] && {engine} kill "$(cat "$id")" >/dev/null 2>&1; done; :'


def _image(command: Command) -> str:
    """Return the command that notes which image ran: its digest and id, as this node has it."""
    if command.engine not in ("docker", "podman") or not command.image:
        return ":"
    form = "'{{json .RepoDigests}} {{.Id}}'"
    return (
        f"{_quote(command.engine)} image inspect --format {form} {_quote(command.image)}"
        f' >"$folder/image.txt" 2>/dev/null'
    )


def _quote(text: str) -> str:
    return shlex.quote(text)


_TEMPLATE = """\
#!/bin/sh
# Runs one try of a step, once. Written by CHRONOS.
folder={folder}
cd "$folder" || exit 72
umask 022
if ! mkdir started 2>/dev/null; then
    echo "chronos: this job has been started before; nothing done" >&2
    exit {duplicate}
fi
now() {{ date +%s.%N 2>/dev/null | sed 's/\\.N$//'; }}
node=$(uname -n)
begun=$(now)
native=${{SLURM_JOB_ID:-${{PBS_JOBID:-${{LSB_JOBID:-${{JOB_ID:-${{MESOS_EXECUTOR_ID:-}}}}}}}}}}
printf '{{"node": "%s", "pid": %s, "native": "%s", "at": %s}}\\n' "$node" $$ "$native" "$begun" >started/.new
mv started/.new started/record.json

group=
timed_out=false
end_group() {{
    [ -n "$group" ] || return 0
    kill -TERM "-$group" 2>/dev/null || kill -TERM "$group" 2>/dev/null
    {end_containers}
    left=$(({grace} * 5))
    while [ "$left" -gt 0 ] && kill -0 "-$group" 2>/dev/null; do
        sleep 0.2
        left=$((left - 1))
    done
    kill -KILL "-$group" 2>/dev/null
}}
asked=
trap 'asked=15; end_group' TERM
trap 'asked=2; end_group' INT
trap 'asked=1; end_group' HUP

cd {cwd} || exit 72
session=
command -v setsid >/dev/null 2>&1 && session=setsid
$session {run} \\
    <{stdin} {stdout_mode}{stdout} 2{stderr_mode}{stderr} &
group=$!
printf "%s" "$group" >"$folder/started/group"
watch=
if [ -n "{limit}" ]; then
    ( trap 'kill "$nap" 2>/dev/null; exit 0' TERM
      sleep "{limit}" & nap=$!
      wait "$nap" && : >"$folder/timed-out" && kill -USR1 $$ ) >/dev/null 2>&1 &
    watch=$!
    trap 'timed_out=true; end_group' USR1
fi
wait "$group"
code=$?
# A trapped signal ends "wait" early: the command's own status is still to come.
while kill -0 "$group" 2>/dev/null; do
    wait "$group"
    code=$?
done
if [ -n "$asked" ] || [ "$timed_out" = true ]; then
    wait "$group" 2>/dev/null
    code=$?
fi
[ -n "$watch" ] && kill "$watch" 2>/dev/null
trap '' TERM INT HUP USR1
{image}
# In this shell itself: a subshell would show its own.
times >"$folder/started/times"
cpu=$(sed -n 2p "$folder/started/times")
memory=null
control=$(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null)
if [ -n "$control" ] && [ "$control" != / ] && [ -r "/sys/fs/cgroup$control/memory.peak" ]; then
    memory=$(cat "/sys/fs/cgroup$control/memory.peak")
fi
{{
    printf '{{"exit_code": %s, "timed_out": %s, "asked": "%s", ' "$code" "$timed_out" "$asked"
    printf '"node": "%s", "started": %s, "ended": %s, ' "$node" "$begun" "$(now)"
    printf '"cpu": "%s", "memory": %s}}\\n' "$cpu" "$memory"
}} >"$folder/exit.json.new"
mv "$folder/exit.json.new" "$folder/exit.json"
exit "$code"
"""
