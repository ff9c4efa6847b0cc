"""The options of the ``[chronos]`` section, declared once: description, type, default.

Airflow reads them through the provider info, people in docs/settings.md, and
:mod:`chronos_plugin.settings` turns them into values.
"""

from __future__ import annotations

from typing import Any

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
