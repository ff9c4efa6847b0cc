"""Commands on Apache Mesos: three tasks, with the connection ``mesos_default``.

It needs the process that holds the framework: ``airflow chronos mesos agent``.
"""

from __future__ import annotations

from airflow.sdk import DAG

from chronos_plugin.operators.mesos import MesosTaskOperator

with DAG("mesos_example", schedule=None, tags=["example", "mesos"], doc_md=__doc__):
    where = MesosTaskOperator(
        task_id="where",
        command="echo running in $MESOS_SANDBOX; uname -srm",
        cpus=0.1,
        mem=32,
    )
    passes = MesosTaskOperator.partial(task_id="passes", cpus=0.1, mem=32).expand(
        command=[["/bin/echo", "pass", str(number)] for number in (1, 2, 3)]
    )
    limited = MesosTaskOperator(
        task_id="limited",
        command=["/bin/sh", "-c", "for i in 1 2 3; do echo cycle $i; sleep 0.2; done"],
        cpus=0.1,
        mem=32,
        time_limit=60,
        environment={"CYCLE": "{{ ds_nodash if ds_nodash is defined else '' }}"},
    )
    where >> passes >> limited
