"""Shell commands that run a job on a host apart from the ``ssh`` session that starts it.

SafeScale's ``ssh run`` may run a command twice and ends it after 150 seconds. So a job is started by one
that may be repeated: it starts the job once, in a folder of its own on the host, and returns::

    CONTROL/
        begun       process group of the job: it was started, and is never started again
        exit        its exit code
        cancelled   it is not to be started any more
        lock        held as long as one of the job's processes lives

A lock, not a process number, tells whether it runs: numbers are used again after a restart of the host.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

CONTROL_ROOT = ".chronos/jobs"
"""In the login folder on the host."""

GRACE_SECONDS = 20
"""Longer than ``job.sh`` itself takes to end its tool."""

_START = """\
d={control}
for need in flock setsid; do
  command -v "$need" >/dev/null || {{ echo "$need (util-linux) is needed" >&2; exit 69; }}
done
mkdir -p "$d" && cd "$d" || exit 73
test -e exit || test -e begun || test -e cancelled || setsid /bin/sh -c '
exec 9>lock
flock -n 9 || exit 0
test -e begun || test -e cancelled && exit 0
echo $$ >begun.new && mv begun.new begun
{command}
echo $? >exit.new && mv exit.new exit
' </dev/null >/dev/null 2>&1 &
i=0
until test -e begun || test -e exit || test -e cancelled; do
  i=$((i+1)); test $i -gt 100 && exit 75
  sleep 0.1
done
exit 0
"""

_STATUS = """\
s() {{
  cd "$HOME/{root}/$1" 2>/dev/null || {{ echo "$1 absent"; return; }}
  if test ! -e exit && test -e lock && ! flock -n lock true; then
    p=$(cat "$2" 2>/dev/null || cat begun 2>/dev/null)
    case "$(ps -o state= -p "${{p:-0}}" 2>/dev/null)" in T*) echo "$1 suspended";; *) echo "$1 running";; esac
  elif test -e exit; then echo "$1 ended $(cat exit)"
  elif test -e begun; then echo "$1 lost"
  elif test -e cancelled; then echo "$1 ended 143"
  else echo "$1 absent"; fi
}}
{calls}
"""

_CANCEL = """\
mkdir -p {control} && cd {control} || exit 73
touch cancelled
alive() {{ test ! -e exit && test -e begun && ! flock -n lock true; }}
alive || exit 0
p=$(cat begun); g=$(cat {group} 2>/dev/null)
kill -CONT "-$p" ${{g:+"-$g"}}
kill -TERM "-$p"
i=0
while alive && test $i -lt {grace}; do sleep 1; i=$((i+1)); done
alive && kill -KILL "-$p" ${{g:+"-$g"}}
exit 0
"""

_SIGNAL = """\
cd {control} 2>/dev/null || exit 0
test ! -e exit && test -e begun && ! flock -n lock true || exit 0
g=$(cat {group} 2>/dev/null || cat begun)
kill -{signal} "-$g"
"""


@dataclass(frozen=True)
class Standing:
    """How a job stands on a host.

    Attributes:
        state: ``absent``, ``running``, ``suspended``, ``ended``, or ``lost`` (killed, or the host restarted).
    """

    state: str
    exit_code: int | None = None


def start(job_id: str, command: str) -> str:
    """Return the command that starts a job once; exit status 0: it has been started, now or before.

    Args:
        job_id: Letters, digits, hyphens.
        command: Shell command line of the job.
    """
    inner = f"( {command}\n) </dev/null"
    return _START.format(control=_control(job_id), command=inner.replace("'", "'\\''"))


def status(jobs: Mapping[str, str]) -> str:
    """Return the command that tells how jobs stand, one a line (:func:`parse_status`).

    Args:
        jobs: By id, the file that holds the process group of the job's own tool; empty: it has none.
    """
    calls = "\n".join(f"s {shlex.quote(job_id)} {shlex.quote(group)}" for job_id, group in jobs.items())
    return _STATUS.format(root=CONTROL_ROOT, calls=calls)


def parse_status(text: str) -> Mapping[str, Standing]:
    """Return the jobs' standings by id; lines of something else (a login banner) are passed over."""
    found: dict[str, Standing] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[1] in ("absent", "running", "suspended", "lost"):
            found[words[0]] = Standing(words[1])
        elif len(words) == 3 and words[1] == "ended" and words[2].lstrip("-").isdigit():
            found[words[0]] = Standing("ended", int(words[2]))
    return found


def cancel(job_id: str, group: str = "", grace: int = GRACE_SECONDS) -> str:
    """Return the command that ends a job's processes, or keeps it from starting.

    Args:
        job_id: Of the job.
        group: As in :func:`status`.
        grace: Seconds between the polite signal and the other one.
    """
    return _CANCEL.format(control=_control(job_id), group=shlex.quote(group), grace=grace)


def suspend(job_id: str, group: str = "") -> str:
    """Return the command that stops a job's processes where they are."""
    return _SIGNAL.format(control=_control(job_id), group=shlex.quote(group), signal="STOP")


def resume(job_id: str, group: str = "") -> str:
    """Return the command that lets a job's processes go on."""
    return _SIGNAL.format(control=_control(job_id), group=shlex.quote(group), signal="CONT")


def output(job_id: str, file: str, limit: int) -> str:
    """Return the command that prints the last ``limit`` bytes of a file in the job's folder on the host."""
    return f"tail -c {int(limit)} {_control(job_id)}/{shlex.quote(file)} 2>/dev/null"


def _control(job_id: str) -> str:
    return f'"$HOME"/{CONTROL_ROOT}/{shlex.quote(job_id)}'
