"""A cloud cluster that is made, expanded for a computation, and deleted, however the computation ends.

Needs a connection ``safescale_default`` of type ``chronos_safescale``, and a running cloud agent
(``airflow chronos cloud agent``).
"""

from __future__ import annotations

from airflow.sdk import DAG

from chronos_plugin.operators.safescale import SafeScaleClusterOperator

CLUSTER = "{{ ti.xcom_pull('create')['name'] }}"

with DAG("safescale_cluster", schedule=None, catchup=False, tags=["example", "safescale"], doc_md=__doc__):
    create = SafeScaleClusterOperator(
        task_id="create",
        verb="create",
        spec={"flavor": "boh", "complexity": "small", "node_sizing": "cpu~2,ram~4"},
        lifetime=6 * 3600,
    )
    expand = SafeScaleClusterOperator(
        task_id="expand",
        verb="expand",
        resource_name=CLUSTER,
        spec={"count": 1, "node_sizing": "cpu~2,ram~4"},
    )
    delete = SafeScaleClusterOperator(task_id="delete", verb="delete", resource_name=CLUSTER)

    create >> expand >> delete.as_teardown(setups=create)
