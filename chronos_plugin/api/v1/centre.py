"""Execution targets and how they do; activity by day or hour."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query

from chronos_plugin import settings
from chronos_plugin.api.authz import ReadableDep, requires
from chronos_plugin.api.models import centre as models
from chronos_plugin.api.v1.asking import Since, Until, aware, history
from chronos_plugin.errors import InputInvalid, NotKnown
from chronos_plugin.permissions import Permission

router = APIRouter()

_DEFAULT = datetime.timedelta(days=30)
_MOST_DAYS = 1000
_MOST_HOURS = 24 * 62


@router.get(
    "/targets",
    operation_id="list_targets",
    tags=["targets"],
    dependencies=[Depends(requires(Permission.TARGETS))],
)
def list_targets() -> models.Targets:
    """List execution targets: bounds, jobs in flight and waiting, circuit breaker."""
    return models.Targets(targets=[_target(setting) for _, setting in sorted(_settings().items())])


@router.get(
    "/targets/{name}",
    operation_id="get_target",
    tags=["targets"],
    dependencies=[Depends(requires(Permission.TARGETS))],
)
def get_target(name: Annotated[str, Path(max_length=200)]) -> models.Target:
    """Return one target."""
    setting = _settings().get(name)
    if setting is None:
        raise NotKnown(f"there is no target {name}")
    return _target(setting)


@router.get(
    "/activity",
    operation_id="get_activity",
    tags=["activity"],
    dependencies=[Depends(requires(Permission.HISTORY))],
)
def get_activity(
    may: ReadableDep,
    since: Since = None,
    until: Until = None,
    by: Annotated[Literal["day", "hour"], Query(description="Length of a period")] = "day",
    workflow: Annotated[str, Query(max_length=4096, description="Of this workflow only")] = "",
) -> models.Activity:
    """Count ended runs, CPU time and products by period of their start, job, and end.

    Default: the last 30 days. At most 1,000 days, or 62 days by hour.
    """
    end = aware(until) or datetime.datetime.now(datetime.UTC)
    begin = aware(since) or end - _DEFAULT
    if not datetime.timedelta() <= end - begin <= datetime.timedelta(days=_MOST_DAYS):
        raise InputInvalid(
            f"since and until: since comes first, and they are at most {_MOST_DAYS} days apart"
        )
    if by == "hour" and end - begin > datetime.timedelta(hours=_MOST_HOURS):
        raise InputInvalid(f"by hour, since and until are at most {_MOST_HOURS // 24} days apart")
    buckets = [
        models.Bucket(**{**asdict(bucket), "state": bucket.state.name})
        for bucket in history().activity(begin, end, by_hour=by == "hour")
        if may.allows(bucket.workflow) and workflow in ("", bucket.workflow)
    ]
    return models.Activity(since=begin, until=end, by=by, buckets=buckets)


def _settings() -> Any:
    from chronos_plugin.execution.bindings.document import deployment

    return deployment(settings.load().targets_file).targets


def _target(setting: Any) -> models.Target:
    from chronos_plugin.execution.targets.report import seen

    return models.Target(
        name=setting.name,
        kind=setting.kind,
        description=setting.description,
        bounds=models.Bounds(
            max_in_flight=setting.max_in_flight,
            max_cores=setting.max_cores,
            max_ram=setting.max_ram,
            submit_rate=setting.submit_rate,
        ),
        **asdict(seen(settings.load().target_states, setting.name)),
    )
