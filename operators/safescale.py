"""Operators for SafeScale's resources: hosts, clusters, volumes, shares, networks, labels, features.

One class does the work for all kinds (:class:`SafeScaleOperator`); what a kind can do and which words its
specification knows is one table, :data:`chronos_plugin.hooks.safescale.kinds.KINDS`. Changes are made by the
cloud agent, so that neither a worker's nor a triggerer's end rolls them back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from chronos_plugin.errors import CloudFailed, InputInvalid, ServiceFailed, StepFailed
from chronos_plugin.execution.cloud.model import Request, RequestState
from chronos_plugin.execution.cloud.naming import request_id, resource_name, run_owner
from chronos_plugin.hooks.safescale.connection import DEFAULT_CONNECTION
from chronos_plugin.hooks.safescale.hook import SafeScaleHook

if TYPE_CHECKING:
    from airflow.sdk import Context

QUESTIONS = ("inspect", "list")
"""Verbs that change nothing; they are answered at once."""

_NOT_TWICE = frozenset({"expand", "shrink"})
"""Verbs that count: what has succeeded is not done again when the task is."""


class SafeScaleOperator(BaseOperator):
    """Does one thing with one SafeScale resource, and waits for its end without a worker slot.

    ``create`` is get-or-create: a resource that this run has made is returned as it is. The same task
    instance asks for the same request, however often it is started, so nothing is made twice.

    Args:
        verb: ``create``, ``delete``, ``inspect``, ``list``, and what else the kind can do.
        kind: Of the resource; the subclasses set it.
        resource_name: Of the resource; default: a name made of DAG run and task, always the same.
        spec: What is asked for, in the kind's words.
        safescale_conn_id: Connection of type ``chronos_safescale``.
        deadline: Seconds after which the agent gives up; default: by the verb.
        lifetime: Seconds after which a created resource may be reaped (``airflow chronos cloud reap``).
        check_first: Whether to ask the cloud, before anything is made, if a template fits the sizing.
        deferrable: Whether to wait in the triggerer.
        poll_interval: Seconds between two looks.

    Returns:
        What the service says of the resource, without private keys and passwords.
    """

    template_fields: Sequence[str] = ("resource_name", "spec", "safescale_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"spec": "json"}
    ui_color = "#e3f0ea"
    kind: str = ""

    def __init__(
        self,
        *,
        verb: str,
        kind: str | None = None,
        resource_name: str | None = None,
        spec: Mapping[str, Any] | None = None,
        safescale_conn_id: str = DEFAULT_CONNECTION,
        deadline: float | None = None,
        lifetime: float | None = None,
        check_first: bool = True,
        deferrable: bool = True,
        poll_interval: float = 5.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.verb = verb
        self.kind = kind or type(self).kind
        self.resource_name = resource_name
        self.spec = dict(spec or {})
        self.safescale_conn_id = safescale_conn_id
        self.deadline = deadline
        self.lifetime = lifetime
        self.check_first = check_first
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self._request_id: str | None = None

    @cached_property
    def hook(self) -> SafeScaleHook:
        """The hook of the connection."""
        return SafeScaleHook(self.safescale_conn_id)

    def execute(self, context: Context) -> Any:
        """Answer a question; or ask the agent, and wait.

        Raises:
            AirflowFailException: If the specification is wrong: a retry would not help.
            CloudFailed: If the cloud could not.
        """
        owner = run_owner(context["ti"].dag_id, context["ti"].run_id)
        name = self.resource_name or resource_name(owner, _purpose(context))
        try:
            if self.verb in QUESTIONS:
                return self._answer(name)
            if self.check_first and self.verb in ("create", "expand"):
                self.hook.check(self.kind, self.verb, name, self.spec)
            request = self._submit(context, owner, name)
        except InputInvalid as error:
            raise AirflowFailException(str(error)) from error
        return self._wait(request)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Return the request's result once the triggerer has seen its end."""
        del context
        request = self.hook.requests().get(event["request_id"])
        if request is None:
            raise ServiceFailed(f"the CHRONOS database has no request {event['request_id']}")
        return self._result(request)

    def on_kill(self) -> None:
        """Ask the agent to end the request (where the task itself waits)."""
        if self._request_id is not None:
            self.hook.requests().cancel(self._request_id)

    def _answer(self, name: str) -> Any:
        if self.verb == "list":
            return [_shown(resource) for resource in self.hook.list(self.kind)]
        resource = self.hook.inspect(self.kind, name, self.spec)
        if resource is None:
            raise CloudFailed(f"there is no {self.kind} {name}", reason="absent")
        return _shown(resource)

    def _submit(self, context: Context, owner: str, name: str) -> Request:
        """Take up this task instance's request, or make a new one where the last has ended."""
        instance, table = context["ti"], self.hook.requests()
        words = (instance.dag_id, instance.run_id, instance.task_id, instance.map_index, self.kind, self.verb)
        number = 0
        while (known := table.get(request_id(*words, name, number))) is not None:
            if not known.state.final or (known.state is RequestState.SUCCEEDED and self.verb in _NOT_TWICE):
                self.log.info("taking up request %s (%s)", known.id, known.state)
                return known
            number += 1
        return self.hook.submit(
            self.kind,
            self.verb,
            name,
            self.spec,
            request_id=request_id(*words, name, number),
            owner=owner,
            seconds=self.deadline,
            lifetime=self.lifetime,
        )

    def _wait(self, request: Request) -> Any:
        self.log.info("request %s: %s of %s %s", request.id, self.verb, self.kind, request.name)
        if request.state.final:
            return self._result(request)
        if self.deferrable:
            from chronos_plugin.operators.safescale_triggers import SafeScaleRequestTrigger

            self.defer(
                trigger=SafeScaleRequestTrigger(request.id, self.poll_interval),
                method_name="execute_complete",
            )
        from chronos_plugin.execution.cloud.waiting import wait_for

        self._request_id = request.id
        table, tell = self.hook.requests(), self.log.info
        return self._result(asyncio.run(wait_for(table, request.id, self.poll_interval, tell)))

    def _result(self, request: Request) -> Any:
        if request.state is RequestState.SUCCEEDED:
            return dict(request.result or {})
        if request.state is RequestState.CANCELLED:
            raise CloudFailed(f"{self.verb} of {self.kind} {request.name} was cancelled", reason="failed")
        if request.reason in ("invalid", "unsupported", "exists"):
            raise AirflowFailException(request.error)
        raise CloudFailed(request.error, reason=request.reason or "failed")


class SafeScaleHostOperator(SafeScaleOperator):
    """Hosts: create, delete, start, stop, inspect, list."""

    kind = "host"


class SafeScaleClusterOperator(SafeScaleOperator):
    """Clusters: create, delete, start, stop, expand, shrink, delete-node, inspect, list.

    ``expand`` and ``shrink`` take ``count``, or ``nodes``: how many there are to be in the end.
    """

    kind = "cluster"


class SafeScaleVolumeOperator(SafeScaleOperator):
    """Volumes: create, delete, attach, detach, inspect, list."""

    kind = "volume"


class SafeScaleShareOperator(SafeScaleOperator):
    """Shares (NFS): create, delete, mount, unmount, inspect, list."""

    kind = "share"


class SafeScaleNetworkOperator(SafeScaleOperator):
    """Networks: create, delete, inspect, list."""

    kind = "network"


class SafeScaleLabelOperator(SafeScaleOperator):
    """Labels: create, delete, inspect, list."""

    kind = "label"


class SafeScaleFeatureOperator(SafeScaleOperator):
    """Features of hosts and clusters: add, remove, inspect.

    The specification says where: ``on`` (a name) and ``on_kind`` (``host`` or ``cluster``).
    """

    kind = "feature"


class SafeScaleRunOperator(SafeScaleOperator):
    """Runs a shell command on a host, apart from any connection: for as long as it takes, and once.

    Args:
        host: Name of the host.
        command: Shell command line.
        output_bytes: Of its output and errors so much is returned, from the end.

    Returns:
        ``exit_code``, ``output`` and ``errors``.
    """

    kind = "host"
    template_fields: Sequence[str] = (*SafeScaleOperator.template_fields, "command")

    def __init__(self, *, host: str, command: str, output_bytes: int = 1 << 14, **kwargs: Any) -> None:
        super().__init__(verb="run", resource_name=host, **kwargs)
        self.command = command
        self.output_bytes = output_bytes

    def execute(self, context: Context) -> Any:
        """Run and wait.

        Raises:
            StepFailed: If the command's exit code is not 0.
            CloudFailed: If it could not be run.
        """
        self.spec = {"command": self.command, "output_bytes": self.output_bytes}
        return super().execute(context)

    def _result(self, request: Request) -> Any:
        result = super()._result(request)
        for line in str(result.get("output", "")).splitlines():
            self.log.info("%s", line)
        if code := result.get("exit_code"):
            raise StepFailed(
                f"the command on {request.name} ended with {code}: {result.get('errors', '').strip()}",
                exit_code=code,
            )
        return result


class SafeScaleCopyOperator(SafeScaleOperator):
    """Copies a file between a host and the machine on which the SafeScale service itself runs.

    Args:
        source, destination: Paths; one of them ``host:/path``.
        owner, mode: Of the copy.
    """

    kind = "host"
    template_fields: Sequence[str] = (*SafeScaleOperator.template_fields, "source", "destination")

    def __init__(
        self, *, source: str, destination: str, owner: str = "", mode: str = "", **kwargs: Any
    ) -> None:
        super().__init__(verb="copy", **kwargs)
        self.source, self.destination = source, destination
        self.file_owner, self.mode = owner, mode

    def execute(self, context: Context) -> Any:
        """Copy and wait."""
        words = {"source": self.source, "destination": self.destination}
        self.spec = {**words, "owner": self.file_owner, "mode": self.mode}
        return super().execute(context)


def _shown(resource: Any) -> dict[str, Any]:
    return {
        "kind": resource.kind,
        "name": resource.name,
        "id": resource.id,
        "state": resource.native_state or resource.state,
        "labels": dict(resource.labels),
        **resource.facts,
    }


def _purpose(context: Context) -> str:
    index = context["ti"].map_index
    suffix = "" if index is None or index < 0 else f"-{index}"
    return f"{context['ti'].task_id}{suffix}"
