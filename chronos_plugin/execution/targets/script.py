"""``job.sh``: what a target runs. POSIX shell, so that it runs on any node and in any image."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DUPLICATE_STATUS = 75
"""Exit status of a ``job.sh`` that found its job started already (``EX_TEMPFAIL`` of sysexits.h)."""

NATIVE_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", "MESOS_EXECUTOR_ID")
"""Variables by which batch systems tell a job its native id; a target that is none of these removes them."""

GUARD = 5
"""Seconds between two signs of life of a guarded job."""

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


def render(command: Command, folder: Path, worker_path: str, *, guarded: bool = False) -> str:
    """Return the text of ``job.sh``.

    It runs the command in a session of its own, at most once for a folder, and not at all once the job
    has been cancelled or concluded; on TERM, INT, HUP and when its time is over it ends the whole session,
    and the container; at the end it writes ``exit.json``::

        {"exit_code": 0, "timed_out": false, "asked": "", "started": …, "ended": …, "node": …, "cpu": …,
         "memory": …}

    ``asked`` is the number of the signal by which somebody asked it to end.

    Args:
        worker_path: ``PATH`` of the worker: a ``PATH`` equal to it is a default that no document asked
            for; the node's own is appended to it.
        guarded: Whether a process beside it gives signs of life, passes a wish to cancel on, and ends the
            tool if the script itself is killed.
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
        guard=GUARD if guarded else "",
        grace=GRACE,
        duplicate=DUPLICATE_STATUS,
        end_containers=_end_containers(command),
        image=_image(command),
        native="".join(f"${{{name}:-" for name in NATIVE_VARIABLES) + "}" * len(NATIVE_VARIABLES),
    )


def _run(command: Command, worker_path: str) -> str:
    assignments = []
    for name, value in command.environment.items():
        if name == "PATH" and value == worker_path:
            assignments.append(f'PATH={_quote(value)}"${{PATH:+:$PATH}}"')
        else:
            assignments.append(f"{name}={_quote(value)}")
    words = ["env", *([] if command.inherit else ["-i"]), *assignments]
    if "=" in command.arguments[0]:
        # "env" would take it for one more variable.
        words += ["/bin/sh", "-c", _quote('exec "$0" "$@"')]
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
if [ -e outcome.json ] || grep -q '"wish": "cancel"' wish.json 2>/dev/null; then
    echo "chronos: this job has been cancelled; nothing done" >&2
    exit {duplicate}
fi
if ! mkdir started 2>/dev/null; then
    echo "chronos: this job has been started before; nothing done" >&2
    exit {duplicate}
fi
now() {{ date +%s.%N 2>/dev/null | sed 's/\\.[^0-9]*$//'; }}
node=$(uname -n)
begun=$(now)
native={native}
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
interrupted=
trap 'asked=15; interrupted=1; end_group' TERM
trap 'asked=2; interrupted=1; end_group' INT
trap 'asked=1; interrupted=1; end_group' HUP

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
    trap 'timed_out=true; interrupted=1; end_group' USR1
fi
guard=
if [ -n "{guard}" ]; then
    ( trap 'kill "$nap" 2>/dev/null; exit 0' TERM
      passed_on=
      while :; do
          : >"$folder/started/alive"
          sleep "{guard}" & nap=$!
          wait "$nap"
          if ! kill -0 $$ 2>/dev/null; then
              kill -KILL "-$group" 2>/dev/null
              {end_containers}
              exit 0
          fi
          if [ -z "$passed_on" ] && grep -q '"wish": "cancel"' "$folder/wish.json" 2>/dev/null; then
              passed_on=1
              kill -TERM $$
          fi
      done ) >/dev/null 2>&1 &
    guard=$!
fi
# Who asked before there was a group found nothing to end.
[ -z "$asked" ] || end_group
wait "$group"
code=$?
# A trapped signal ends "wait" early: the command's own status is still to come. 127: it had come already.
while [ -n "$interrupted" ]; do
    interrupted=
    wait "$group"
    again=$?
    [ "$again" = 127 ] || code=$again
done
[ -n "$watch" ] && kill "$watch" 2>/dev/null
[ -n "$guard" ] && kill "$guard" 2>/dev/null
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
