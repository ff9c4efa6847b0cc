"""Kinds of targets, found by entry points in the group ``chronos.targets``."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.execution.bindings.document import WORKER, TargetSetting
from chronos_plugin.execution.targets.base import Target

GROUP = "chronos.targets"


@cache
def kinds() -> dict[str, EntryPoint]:
    """Return the entry points of all kinds that are installed, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def target_class(kind: str) -> type[Target]:
    """Return the class of a kind of targets.

    Raises:
        SettingInvalid: If no such kind is installed, or it cannot be loaded; the message says why.
    """
    point = kinds().get(kind)
    if point is None:
        known = ", ".join(sorted([*kinds(), WORKER]))
        raise SettingInvalid(f"there is no kind of target {kind!r}; installed are: {known}")
    try:
        found = point.load()
    except ImportError as error:
        raise SettingInvalid(f"the kind of target {kind!r} cannot be loaded: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Target)):
        raise SettingInvalid(f"the kind of target {kind!r}: {point.value} is no chronos_plugin Target")
    return found


def make(setting: TargetSetting) -> Target:
    """Return a target made by its setting; errors as of :func:`target_class`, and of the target itself."""
    made = target_class(setting.kind)(setting.name, setting.options)
    made.container_engine = setting.container_engine
    return made
