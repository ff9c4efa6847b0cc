"""The ``[chronos]`` section of ``airflow.cfg``: declared once, read once, passed on as one frozen value.

Airflow reads descriptions, types and defaults from :data:`OPTIONS` through the provider info;
:func:`load` is the only reader. An option is overridden by ``AIRFLOW__CHRONOS__<OPTION>``.
"""

from __future__ import annotations

import functools
import math
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from chronos_plugin.errors import SettingInvalid

_N = TypeVar("_N", int, float)

CONTAINER_ENGINES = ("docker", "podman", "singularity", "udocker", "none")
PRELOAD_MODES = ("auto", "always", "never")
RECORDERS = ("scheduler", "none")
EXPORTERS = ("openlineage", "atlas")

OPTIONS: dict[str, dict[str, Any]] = {
    "work_root": {
        "description": (
            "Folder of the runs' work directories and step results; all workers must see it under "
            "the same path. Default: ``{AIRFLOW_HOME}/chronos/work``."
        ),
        "type": "string",
        "default": "{AIRFLOW_HOME}/chronos/work",
    },
    "output_root": {
        "description": (
            "Folder of the published workflow outputs, one sub-folder a run; or a URI of a storage "
            "(s3, gs, davs, root …) that they are sent to. "
            "Default: ``{AIRFLOW_HOME}/chronos/outputs``."
        ),
        "type": "string",
        "default": "{AIRFLOW_HOME}/chronos/outputs",
    },
    "cache_root": {
        "description": (
            "Folder of the compiled documents, keyed by content; safe to delete at any time. "
            "Default: ``{AIRFLOW_HOME}/chronos/cache``."
        ),
        "type": "string",
        "default": "{AIRFLOW_HOME}/chronos/cache",
    },
    "deploy_bundle": {
        "description": "Name of the DAG bundle that receives workflows deployed through the API.",
        "type": "string",
        "default": "dags-folder",
    },
    "deploy_folder": {
        "description": "Folder inside that bundle for deployed workflows, one sub-folder each.",
        "type": "string",
        "default": "deployed",
    },
    "input_roots": {
        "description": (
            "Colon-separated folders that input files may come from; empty: any file that the "
            "workers can read. Files of the workflow's own bundle and of earlier runs are always allowed."
        ),
        "type": "string",
        "default": "",
    },
    "input_uris": {
        "description": (
            "Space-separated URI prefixes that input files may come from, beside those of the shared file "
            "system; empty: any URI of a known scheme."
        ),
        "type": "string",
        "default": "",
    },
    "wes_document_uris": {
        "description": (
            "Space-separated URI prefixes that the GA4GH WES endpoint fetches documents from, such as "
            "https://workflows.example/; empty: none, documents are attached or deployed."
        ),
        "type": "string",
        "default": "",
    },
    "data_connections": {
        "description": (
            "Space-separated PREFIX=CONNECTION pairs: the Airflow connection that holds the credentials "
            "for URIs below a prefix; the longest prefix counts."
        ),
        "type": "string",
        "default": "",
    },
    "data_cache": {
        "description": (
            "Folder of fetched files, shared by the site's workers; on the file system of work_root files "
            "are linked, not copied. Default: ``{AIRFLOW_HOME}/chronos/data``."
        ),
        "type": "string",
        "default": "{AIRFLOW_HOME}/chronos/data",
    },
    "data_cache_size": {
        "description": "MiB of fetched files that are kept for later runs; 0: no bound.",
        "type": "integer",
        "default": "102400",
    },
    "data_parallel": {
        "description": "Transfers at a time of one task.",
        "type": "integer",
        "default": "4",
    },
    "data_retries": {
        "description": "Repetitions of a transfer that does not get on, with growing pauses.",
        "type": "integer",
        "default": "4",
    },
    "data_timeout": {
        "description": "Seconds without an answer or progress after which a storage counts as gone.",
        "type": "float",
        "default": "60",
    },
    "gfal2_python": {
        "description": "Python interpreter that has gfal2's binding; for root, dav(s), srm and gsiftp URIs.",
        "type": "string",
        "default": "/usr/bin/python3",
    },
    "container_engine": {
        "description": (
            "How DockerRequirement is honoured: docker, podman, singularity, udocker, or none "
            "(hints are ignored and requirements refused)."
        ),
        "type": "string",
        "default": "docker",
    },
    "expression_timeout": {
        "description": "Seconds that one JavaScript expression may run.",
        "type": "float",
        "default": "20",
    },
    "expression_memory": {
        "description": "MiB that one JavaScript expression may use.",
        "type": "integer",
        "default": "256",
    },
    "xcom_max_bytes": {
        "description": (
            "Output objects up to this many bytes of JSON go to XCom; larger ones are "
            "represented there by a reference to their file."
        ),
        "type": "integer",
        "default": "16384",
    },
    "max_document_bytes": {
        "description": "Size in bytes over which a ``.cwl`` file is refused.",
        "type": "integer",
        "default": "8388608",
    },
    "max_scatter_tasks": {
        "description": (
            "Mapped task instances of one scatter; a longer scatter runs several elements a task. "
            "Must not exceed ``[core] max_map_length``."
        ),
        "type": "integer",
        "default": "1000",
    },
    "pool_slot_cores": {
        "description": (
            "CPU cores that one slot of the step's pool stands for: a step that asks for more "
            "(ResourceRequirement coresMin) takes more slots. 0: every step takes one slot."
        ),
        "type": "float",
        "default": "0",
    },
    "targets_file": {
        "description": (
            "YAML file of the execution targets and bindings; it need not exist. "
            "Default: ``{AIRFLOW_HOME}/chronos/targets.yaml``."
        ),
        "type": "string",
        "default": "{AIRFLOW_HOME}/chronos/targets.yaml",
    },
    "lost_retries": {
        "description": (
            "Times that an execution is tried again which was lost through no fault of its tool: worker "
            "killed, node failed. Beside the retries of a tool that fails."
        ),
        "type": "integer",
        "default": "2",
    },
    "retry_delay": {
        "description": "Seconds before a retry, where the document does not say.",
        "type": "float",
        "default": "30",
    },
    "retries": {
        "description": "Retries of a failed step where the document does not say (hint chronos:Execution).",
        "type": "integer",
        "default": "0",
    },
    "keep_work": {
        "description": (
            "Which work directories stay: all, or failed (those of runs that have not published "
            "their outputs; a successful run's are removed at its end)."
        ),
        "type": "string",
        "default": "failed",
    },
    "keep_work_days": {
        "description": (
            "Days after the end of a run for which ``airflow chronos clean`` keeps its work directories; "
            "0: for ever."
        ),
        "type": "integer",
        "default": "30",
    },
    "keep_state_days": {
        "description": (
            "Days after the end of a run for which ``airflow chronos clean`` keeps its results, inputs and "
            "output object; 0: for ever."
        ),
        "type": "integer",
        "default": "0",
    },
    "keep_outputs_days": {
        "description": (
            "Days after the end of a run for which ``airflow chronos clean`` keeps its published outputs; "
            "0: for ever."
        ),
        "type": "integer",
        "default": "0",
    },
    "preload": {
        "description": (
            "Import the CWL library once in processes that fork tasks or compile documents: auto "
            "(scheduler with a local executor, DAG processor, API server), always, or never."
        ),
        "type": "string",
        "default": "auto",
    },
    "parse_process_files": {
        "description": (
            "CWL files that one parse process of the DAG processor takes, one after another, before a "
            "new one replaces it. 1: a process for each file, as for Python files."
        ),
        "type": "integer",
        "default": "100",
    },
    "unchanged_parse_interval": {
        "description": (
            "Seconds after which the DAG processor parses a CWL file again though nothing that it is "
            "made from has changed; until then it only confirms its DAG. 0: it parses it at each pass."
        ),
        "type": "integer",
        "default": "3600",
    },
    "database": {
        "description": (
            "Address of the CHRONOS database, ``postgresql://…`` or ``sqlite:///…``. Default: Airflow's own "
            "PostgreSQL, in a schema ``chronos``; beside an Airflow on SQLite, "
            "``{AIRFLOW_HOME}/chronos/chronos.db``."
        ),
        "type": "string",
        "default": "",
    },
    "cloud_lease": {
        "description": (
            "Seconds after whose lapse another airflow chronos cloud agent takes over from one that has died."
        ),
        "type": "float",
        "default": "15",
    },
    "mesos_lease": {
        "description": (
            "Seconds after whose lapse another airflow chronos mesos agent takes over from one that has died."
        ),
        "type": "float",
        "default": "15",
    },
    "mesos_doubt_timeout": {
        "description": (
            "Seconds for which a task may be TASK_UNREACHABLE or TASK_UNKNOWN before it is given up as lost."
        ),
        "type": "float",
        "default": "3600",
    },
    "mesos_keep_days": {
        "description": "Days for which the rows of ended Mesos tasks are kept.",
        "type": "float",
        "default": "30",
    },
    "spool_root": {
        "description": (
            "Folder in which tasks leave records for the history, until a recorder has loaded them. "
            "Default: ``{AIRFLOW_HOME}/chronos/spool``."
        ),
        "type": "string",
        "default": "{AIRFLOW_HOME}/chronos/spool",
    },
    "recorder": {
        "description": (
            "Who loads records into the CHRONOS database: scheduler (a process beside it), or none "
            "(``airflow chronos recorder`` is run as a service)."
        ),
        "type": "string",
        "default": "scheduler",
    },
    "product_types": {
        "description": "YAML file with rules by which product types are recognised from names.",
        "type": "string",
        "default": "",
    },
    "archive_root": {
        "description": (
            "Folder to which ``airflow chronos db archive`` moves old partitions of the history. "
            "Default: ``{AIRFLOW_HOME}/chronos/archive``."
        ),
        "type": "string",
        "default": "{AIRFLOW_HOME}/chronos/archive",
    },
    "context_days": {
        "description": (
            "Days that the contexts of successful runs (command, work directory, environment) are kept; "
            "those of failed runs stay with the run. 0: for ever."
        ),
        "type": "integer",
        "default": "90",
    },
    "instance": {
        "description": "Name of this CHRONOS in exports; it makes its numbers unique: do not change it.",
        "type": "string",
        "default": "chronos",
    },
    "organisation": {
        "description": "Organisation in whose name runs are made, in exports: ``NAME``, or ``NAME <URI>``.",
        "type": "string",
        "default": "",
    },
    "exporters": {
        "description": (
            "Space-separated names of the exporters that are on: openlineage, atlas. What is recorded while "
            "one is off is not told; ``airflow chronos exports replay`` tells it later."
        ),
        "type": "string",
        "default": "",
    },
    "openlineage_connection": {
        "description": "Airflow connection of the type chronos_openlineage that events are sent to.",
        "type": "string",
        "default": "openlineage_default",
    },
    "openlineage_file": {
        "description": "File that events are appended to, one a line; empty: they go to the connection.",
        "type": "string",
        "default": "",
    },
    "atlas_connection": {
        "description": "Airflow connection of the type chronos_atlas: the Apache Atlas that is told.",
        "type": "string",
        "default": "atlas_default",
    },
    "export_batch": {
        "description": "Entries of the outbox that an exporter delivers at once, up to 1000.",
        "type": "integer",
        "default": "100",
    },
    "export_attempts": {
        "description": (
            "Times that a receiver may fail over an entry before it is set aside; outages do not count."
        ),
        "type": "integer",
        "default": "10",
    },
    "enable_dev": {
        "description": "Accept development versions of CWL (v1.3 with ``loop``).",
        "type": "boolean",
        "default": "True",
    },
}


@dataclass(frozen=True)
class Settings:
    """The settings of one process; field meanings are the descriptions in :data:`OPTIONS`.

    ``home`` is Airflow's home folder.
    ``output_uri`` is the URI of a storage that was given as ``output_root``, else empty; ``output_root`` is
    then the default folder.
    """

    work_root: Path
    output_root: Path
    cache_root: Path
    deploy_bundle: str = "dags-folder"
    deploy_folder: str = "deployed"
    input_roots: tuple[Path, ...] = ()
    output_uri: str = ""
    input_uris: tuple[str, ...] = ()
    wes_document_uris: tuple[str, ...] = ()
    data_connections: Mapping[str, str] = field(default_factory=dict)
    data_cache: Path | None = None
    data_cache_size: int = 102400
    data_parallel: int = 4
    data_retries: int = 4
    data_timeout: float = 60.0
    gfal2_python: str = "/usr/bin/python3"
    container_engine: str = "docker"
    expression_timeout: float = 20.0
    expression_memory: int = 256
    xcom_max_bytes: int = 16384
    max_document_bytes: int = 8388608
    max_scatter_tasks: int = 1000
    pool_slot_cores: float = 0.0
    targets_file: Path = Path("targets.yaml")
    lost_retries: int = 2
    retry_delay: float = 30.0
    retries: int = 0
    keep_work: str = "failed"
    keep_work_days: int = 30
    keep_state_days: int = 0
    keep_outputs_days: int = 0
    preload: str = "auto"
    parse_process_files: int = 100
    unchanged_parse_interval: int = 3600
    cloud_lease: float = 15.0
    mesos_lease: float = 15.0
    mesos_doubt_timeout: float = 3600.0
    mesos_keep_days: float = 30.0
    enable_dev: bool = True
    database: str = ""
    spool_root: Path = Path("~/airflow/chronos/spool")
    recorder: str = "scheduler"
    product_types: Path | None = None
    archive_root: Path = Path("~/airflow/chronos/archive")
    context_days: int = 90
    instance: str = "chronos"
    organisation: str = ""
    exporters: tuple[str, ...] = ()
    openlineage_connection: str = "openlineage_default"
    openlineage_file: Path | None = None
    atlas_connection: str = "atlas_default"
    export_batch: int = 100
    export_attempts: int = 10
    home: Path = Path("~/airflow")

    @property
    def target_states(self) -> Path:
        """Folder in which those who watch targets say how they do."""
        return self.work_root / ".targets"


def load() -> Settings:
    """Return the ``[chronos]`` section of the running Airflow.

    Read once for each state of the environment: a task asks often, and Airflow's lookups are slow.

    Raises:
        SettingInvalid: If an option cannot be understood; the message names it.
    """
    from airflow.configuration import conf

    relevant = ("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG", "HOME")
    return _loaded(id(conf), tuple(item for item in os.environ.items() if item[0].startswith(relevant)))


@functools.lru_cache(maxsize=4)
def _loaded(configuration: int, environment: tuple[tuple[str, str], ...]) -> Settings:
    del configuration, environment  # What `conf` reads.
    from airflow.configuration import conf

    home = os.environ.get("AIRFLOW_HOME") or os.path.expanduser("~/airflow")
    return from_mapping(
        {name: conf.get("chronos", name, fallback=option["default"]) for name, option in OPTIONS.items()},
        home=Path(home),
    )


def standalone() -> Settings:
    """Return settings for use without Airflow: ``CHRONOS_*`` variables over temporary folders."""
    values: dict[str, str] = {name: option["default"] for name, option in OPTIONS.items()}
    values.update(
        {name: os.environ[key] for name in OPTIONS if (key := f"CHRONOS_{name.upper()}") in os.environ}
    )
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    values["cache_root"] = os.environ.get("CHRONOS_CACHE_ROOT", f"{cache}/chronos/compiled")
    values["data_cache"] = os.environ.get("CHRONOS_DATA_CACHE", f"{cache}/chronos/data")
    return from_mapping(values, home=Path(tempfile.gettempdir()))


def from_mapping(values: Mapping[str, str], *, home: Path) -> Settings:
    """Build settings from option strings; ``{AIRFLOW_HOME}`` in a path stands for ``home``.

    Raises:
        SettingInvalid: If a value has the wrong type or is none of the allowed words.
    """

    def folder(text: str) -> Path:
        return Path(text.replace("{AIRFLOW_HOME}", str(home))).expanduser().absolute()

    output = values["output_root"].strip().removeprefix("file://")
    output_uri = output if "://" in output else ""
    values = {**values, "output_root": OPTIONS["output_root"]["default"] if output_uri else output}

    def named(name: str) -> Path:
        text = values[name].strip().removeprefix("file://")
        if not text:
            raise SettingInvalid(f"[chronos] {name} is empty: write a path")
        return folder(text)

    return Settings(
        work_root=named("work_root"),
        output_root=named("output_root"),
        output_uri=output_uri,
        cache_root=named("cache_root"),
        deploy_bundle=values["deploy_bundle"],
        deploy_folder=_name("deploy_folder", values),
        input_roots=tuple(folder(part) for part in values["input_roots"].split(":") if part.strip()),
        input_uris=tuple(values["input_uris"].split()),
        wes_document_uris=tuple(values["wes_document_uris"].split()),
        data_connections=_pairs("data_connections", values),
        data_cache=named("data_cache"),
        data_cache_size=_number("data_cache_size", values, int),
        data_parallel=_number("data_parallel", values, int, least=1),
        data_retries=_number("data_retries", values, int),
        data_timeout=_number("data_timeout", values, float, least=0.001),
        gfal2_python=values["gfal2_python"],
        container_engine=_word("container_engine", values, CONTAINER_ENGINES),
        expression_timeout=_number("expression_timeout", values, float, least=0.001),
        expression_memory=_number("expression_memory", values, int, least=1),
        xcom_max_bytes=_number("xcom_max_bytes", values, int),
        max_document_bytes=_number("max_document_bytes", values, int, least=1),
        max_scatter_tasks=_number("max_scatter_tasks", values, int, least=1),
        pool_slot_cores=_number("pool_slot_cores", values, float),
        targets_file=named("targets_file"),
        lost_retries=_number("lost_retries", values, int),
        retry_delay=_number("retry_delay", values, float),
        retries=_number("retries", values, int),
        keep_work=_word("keep_work", values, ("all", "failed")),
        keep_work_days=_number("keep_work_days", values, int),
        keep_state_days=_number("keep_state_days", values, int),
        keep_outputs_days=_number("keep_outputs_days", values, int),
        preload=_word("preload", values, PRELOAD_MODES),
        parse_process_files=max(1, _number("parse_process_files", values, int)),
        unchanged_parse_interval=_number("unchanged_parse_interval", values, int),
        cloud_lease=max(1.0, _number("cloud_lease", values, float)),
        mesos_lease=max(1.0, _number("mesos_lease", values, float)),
        mesos_doubt_timeout=_number("mesos_doubt_timeout", values, float),
        mesos_keep_days=_number("mesos_keep_days", values, float),
        enable_dev=_word("enable_dev", values, ("true", "false")) == "true",
        database=values["database"].strip().replace("{AIRFLOW_HOME}", str(home)),
        spool_root=named("spool_root"),
        recorder=_word("recorder", values, RECORDERS),
        product_types=folder(values["product_types"]) if values["product_types"].strip() else None,
        archive_root=named("archive_root"),
        context_days=max(0, _number("context_days", values, int)),
        instance=_label("instance", values),
        organisation=values["organisation"].strip(),
        exporters=tuple(
            dict.fromkeys(
                _word("exporters", {"exporters": n}, EXPORTERS) for n in values["exporters"].split()
            )
        ),
        openlineage_connection=values["openlineage_connection"].strip(),
        openlineage_file=folder(values["openlineage_file"]) if values["openlineage_file"].strip() else None,
        atlas_connection=values["atlas_connection"].strip(),
        export_batch=min(1000, _number("export_batch", values, int, least=1)),
        export_attempts=_number("export_attempts", values, int, least=1),
        home=home,
    )


def _label(name: str, values: Mapping[str, str]) -> str:
    value = values[name].strip()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise SettingInvalid(f"[chronos] {name} = {value!r}: write letters, digits, dots and hyphens")
    return value


def _word(name: str, values: Mapping[str, str], allowed: tuple[str, ...]) -> str:
    value = values[name].strip().lower()
    if value not in allowed:
        raise SettingInvalid(f"[chronos] {name} = {values[name]!r}: write one of {', '.join(allowed)}")
    return value


def _pairs(name: str, values: Mapping[str, str]) -> dict[str, str]:
    result = {}
    for pair in values[name].split():
        # A URI may hold equals signs, a connection's id does not.
        key, equals, value = pair.rpartition("=")
        if not equals or "://" not in key or not value:
            raise SettingInvalid(f"[chronos] {name}: {pair!r} is no PREFIX=CONNECTION, such as s3://data=aws")
        result[key] = value
    return result


def _name(name: str, values: Mapping[str, str]) -> str:
    value = values[name]
    if not value or value.startswith(".") or "/" in value or "\\" in value:
        raise SettingInvalid(f"[chronos] {name} = {value!r}: write the name of a folder, without `/`")
    return value


def _number(name: str, values: Mapping[str, str], kind: Callable[[str], _N], *, least: float = 0) -> _N:
    what = "a whole number" if kind is int else "a number"
    try:
        number = kind(values[name])
    except ValueError as error:
        raise SettingInvalid(f"[chronos] {name} = {values[name]!r}: write {what}") from error
    if not least <= number < math.inf:
        raise SettingInvalid(f"[chronos] {name} = {values[name]!r}: write {what} of at least {least:g}")
    return number
