"""An operator for commands on Apache Mesos, for those who write DAG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from chronos_plugin.errors import InputInvalid
from chronos_plugin.hooks.mesos.connection import DEFAULT_CONNECTION

if TYPE_CHECKING:
    from airflow.sdk import Context

    from chronos_plugin.hooks.mesos.tasks import TaskSpec


class MesosTaskOperator(BaseOperator):
    """Runs a command as a task of Mesos; its output goes to the task log while it runs.

    The task waits in the triggerer and holds no worker slot. It needs the process that holds the framework
    (``airflow chronos mesos agent``).

    Args:
        command: A list of words, run without a shell; or a text for ``/bin/sh -c``.
        image: Container image; None: the agent's own file system.
        containerizer: ``mesos`` or ``docker``: what runs the image.
        cpus: CPU cores.
        mem: Memory in MiB.
        disk: Disk in MiB.
        gpus: GPUs; the connection must ask for them.
        environment: Variables.
        uris: Files for the sandbox: texts, or mappings with ``value``, ``output_file``, ``extract``,
            ``executable``, ``cache``.
        volumes: ``HOST[:CONTAINER][:ro]``, for an image.
        user: Account on the agent; None: the connection's.
        placement: Attributes that the agent must have; ``hostname`` counts as one.
        kill_grace: Seconds between SIGTERM and SIGKILL when the task is stopped.
        time_limit: Seconds after which Mesos ends it.
        mesos_conn_id: Connection of the type ``chronos_mesos``.
        poll_interval: Seconds between two looks at state and output.
    """

    template_fields: Sequence[str] = (
        "command",
        "image",
        "environment",
        "uris",
        "volumes",
        "placement",
        "mesos_conn_id",
    )
    template_fields_renderers = {"command": "bash", "environment": "json"}  # noqa: RUF012 - Airflow's own form
    ui_color = "#e3ecdf"

    def __init__(
        self,
        *,
        command: str | Sequence[str],
        image: str | None = None,
        containerizer: str = "mesos",
        cpus: float = 1.0,
        mem: float = 256.0,
        disk: float = 0.0,
        gpus: float = 0.0,
        environment: Mapping[str, str] | None = None,
        uris: Sequence[str | Mapping[str, Any]] = (),
        volumes: Sequence[str] = (),
        user: str | None = None,
        placement: Mapping[str, str] | None = None,
        kill_grace: float = 10.0,
        time_limit: float | None = None,
        mesos_conn_id: str = DEFAULT_CONNECTION,
        poll_interval: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.command = command
        self.image = image
        self.containerizer = containerizer
        self.cpus, self.mem, self.disk, self.gpus = cpus, mem, disk, gpus
        self.environment = environment
        self.uris = uris
        self.volumes = volumes
        self.user = user
        self.placement = placement
        self.kill_grace = kill_grace
        self.time_limit = time_limit
        self.mesos_conn_id = mesos_conn_id
        self.poll_interval = poll_interval

    def execute(self, context: Context) -> None:
        """Submit, and wait in the triggerer."""
        from chronos_plugin.hooks.mesos.hook import queue_of
        from chronos_plugin.operators.mesos_trigger import MesosTaskTrigger

        instance = context["ti"]
        # Each try has an id of its own; the same try again, after a crash, finds its task.
        task_id = f"airflow-{instance.id}"
        name = ".".join([instance.dag_id, instance.task_id, *_index(instance.map_index)])
        try:
            spec = self.spec(task_id, name)
        except (InputInvalid, TypeError) as error:
            raise AirflowFailException(str(error)) from error
        queue_of(self.mesos_conn_id).submit([spec])
        self.log.info("Mesos task %s is in the queue of %s", task_id, self.mesos_conn_id)
        self._mesos_task_id = task_id
        self.defer(
            trigger=MesosTaskTrigger(task_id, self.mesos_conn_id, self.poll_interval),
            method_name="execute_complete",
        )

    def spec(self, task_id: str, name: str) -> TaskSpec:
        """Return the task.

        Raises:
            InputInvalid: If a value is impossible.
        """
        from chronos_plugin.hooks.mesos.tasks import Container, Demand, TaskSpec, Uri, volume

        if self.containerizer not in ("mesos", "docker"):
            raise InputInvalid(f"containerizer {self.containerizer!r}: write mesos or docker")
        container = None
        if self.image:
            volumes = tuple(volume(text) for text in self.volumes)
            container = Container(self.image, self.containerizer, volumes)  # type: ignore[arg-type]
        return TaskSpec(
            id=task_id,
            name=name,
            command=self.command if isinstance(self.command, str) else tuple(self.command),
            demand=Demand(self.cpus, self.mem, self.disk, self.gpus),
            environment=dict(self.environment or {}),
            container=container,
            uris=tuple(Uri(u) if isinstance(u, str) else Uri(**u) for u in self.uris),
            user=self.user or "",
            kill_grace=self.kill_grace,
            time_limit=self.time_limit,
            placement=dict(self.placement or {}),
        )

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> None:
        """Report the end.

        Raises:
            AirflowException: If the command failed, or Mesos could not run it; the message has Mesos's words.
        """
        del context
        if event["succeeded"]:
            self.log.info("%s", event["message"])
            return
        reason = f" ({event['reason']})" if event["reason"] else ""
        raise AirflowException(f"Mesos task {event['task_id']}: {event['state']}: {event['message']}{reason}")

    def on_kill(self) -> None:
        """Let the task be killed that was submitted in this process."""
        from chronos_plugin.hooks.mesos.hook import queue_of
        from chronos_plugin.hooks.mesos.tasks import Wish

        task_id = getattr(self, "_mesos_task_id", None)
        if task_id is not None:
            queue_of(self.mesos_conn_id).wish([task_id], Wish.CANCEL)


def _index(map_index: int | None) -> list[str]:
    return [] if map_index is None or map_index < 0 else [str(map_index)]
