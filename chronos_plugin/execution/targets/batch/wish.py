"""What a binding may say about a job in a batch system."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chronos_plugin.errors import SettingInvalid

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,@:+/=-]*")
_TIME = re.compile(r"(?:(\d+)-)?(\d+):(\d\d)(?::(\d\d))?")
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

WORDS = ("queue", "account", "project", "qos", "parallel_environment", "gpu_resource")
"""Options that are one word of the batch system's."""

KNOWN = frozenset({*WORDS, "time_limit", "time_margin", "native", "request_memory", "choose_queue"})


@dataclass(frozen=True)
class Refused:
    """Arguments of a submission command that CHRONOS sets itself, or that would break what it relies on.

    Attributes:
        attached: Whether the system takes the value of a short option without a space (``-pbatch``).
    """

    options: frozenset[str] = frozenset()
    attached: bool = False

    @classmethod
    def of(cls, options: str, *, attached: bool = False) -> Refused:
        """Return the options in a text, divided by spaces."""
        return cls(frozenset(options.split()), attached)

    def __contains__(self, argument: object) -> bool:
        part = str(argument)
        if part.partition("=")[0] in self.options:
            return True
        return self.attached and not part.startswith("--") and part[:2] in self.options


@dataclass(frozen=True)
class Wish:
    """Options of a binding for a batch system, checked.

    Attributes:
        queue: Queue or partition; None: the system's default.
        account: Who is charged.
        project: Project, where the system has both.
        qos: Quality of service, where the system has it.
        parallel_environment: Of Grid Engine, for jobs of several cores.
        gpu_resource: Name of the consumable that stands for GPUs, where the system has no word for them.
        time_limit: Seconds for jobs whose document sets no limit; None: the system's default.
        time_margin: Seconds that the system grants beyond the document's ToolTimeLimit, for what happens
            around the tool; the limit itself is kept by the job.
        native: More arguments of the submission command.
        request_memory: Whether to ask for memory.
        choose_queue: Whether Toil chooses the partition by the time limit, where none is named.
    """

    queue: str | None = None
    account: str | None = None
    project: str | None = None
    qos: str | None = None
    parallel_environment: str | None = None
    gpu_resource: str = "gpu"
    time_limit: float | None = None
    time_margin: float = 60.0
    native: tuple[str, ...] = ()
    request_memory: bool = True
    choose_queue: bool = False

    @classmethod
    def parse(cls, options: Mapping[str, Any], refused: Refused | None = None) -> Wish:
        """Check options and return them.

        Args:
            refused: Arguments that ``native`` must not hold.

        Raises:
            SettingInvalid: If an option is unknown or has an unusable value; the message names it.
        """
        unknown = sorted(set(options) - KNOWN)
        if unknown:
            raise SettingInvalid(f"unknown option {unknown[0]!r}; there are {', '.join(sorted(KNOWN))}")
        fields: dict[str, Any] = {
            name: _word(name, options[name]) for name in WORDS if options.get(name) is not None
        }
        for name in ("time_limit", "time_margin"):
            if options.get(name) is not None:
                fields[name] = seconds(name, options[name])
        for name in ("request_memory", "choose_queue"):
            if name in options:
                fields[name] = _truth(name, options[name])
        fields["native"] = _native(options.get("native") or [], refused or Refused())
        return cls(**fields)

    def limit(self, document: float | None) -> int | None:
        """Return the seconds that the batch system is to grant; None: its own default.

        Args:
            document: Seconds of ToolTimeLimit, None or 0 where there is none.
        """
        if document:
            return max(1, round(document + self.time_margin))
        return None if self.time_limit is None else max(1, round(self.time_limit))


def seconds(name: str, value: Any) -> float:
    """Return a duration given in seconds, or as ``[DAYS-]HH:MM[:SS]``.

    Raises:
        SettingInvalid: If it is neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise SettingInvalid(f"{name} = {value!r}: write seconds, or [DAYS-]HH:MM[:SS]")
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)


def environment(value: Any) -> dict[str, str]:
    """Return variables for a batch system's commands.

    Raises:
        SettingInvalid: If it is no mapping of variable names to texts.
    """
    if not isinstance(value, Mapping):
        raise SettingInvalid("environment: write a mapping of variables to values")
    for name, text in value.items():
        if not isinstance(name, str) or not _ENVIRONMENT.fullmatch(name) or not isinstance(text, str):
            raise SettingInvalid(f"environment: {name!r} is no variable with a text as its value")
    return dict(value)


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise SettingInvalid(f"{name} = {value!r}: write one name, as the batch system knows it")
    return value


def _truth(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SettingInvalid(f"{name} = {value!r}: write true or false")
    return value


def _native(value: Any, refused: Refused) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) and part for part in value):
        raise SettingInvalid(f"native = {value!r}: write a list of arguments")
    after_option = False
    for part in value:
        if any(character in part for character in "\n\r\0"):
            raise SettingInvalid(f"native: {part!r} has a line break")
        if not part.startswith("-") and not after_option:
            # It would be taken for the job's script.
            raise SettingInvalid(f"native: {part!r} is no option, nor the value of one")
        if part in refused:
            raise SettingInvalid(f"native: {part!r} is set by CHRONOS itself, or would break it")
        after_option = part.startswith("-") and "=" not in part
    return tuple(value)
