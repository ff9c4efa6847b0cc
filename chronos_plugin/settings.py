"""The ``[chronos]`` section of ``airflow.cfg``, read once and passed on as one frozen value.

:mod:`chronos_plugin.options` declares it; :func:`load` is the only reader. An option is overridden by
``AIRFLOW__CHRONOS__<OPTION>``.
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
from typing import TypeVar

from chronos_plugin.errors import SettingInvalid
from chronos_plugin.options import CONTAINER_ENGINES, EXPORTERS, OPTIONS, PRELOAD_MODES, RECORDERS

_N = TypeVar("_N", int, float)


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
