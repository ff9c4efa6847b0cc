"""A cloud host for one computation: made, used, and deleted, however the computation ends.

Needs a connection ``safescale_default`` of type ``chronos_safescale``, and a running cloud agent
(``airflow chronos cloud agent``).
"""

from __future__ import annotations

from airflow.sdk import DAG

from chronos_plugin.operators.safescale import SafeScaleHostOperator, SafeScaleRunOperator

HOST = "{{ ti.xcom_pull('create')['name'] }}"

with DAG("safescale_host", schedule=None, catchup=False, tags=["example", "safescale"]):
    create = SafeScaleHostOperator(
        task_id="create",
        verb="create",
        spec={"sizing": "cpu~2,ram~4,disk>=20"},
        # Should even "delete" fail, `airflow chronos cloud reap` finds the host after this time.
        lifetime=6 * 3600,
    )
    compute = SafeScaleRunOperator(task_id="compute", host=HOST, command="nproc; uname -srm")
    delete = SafeScaleHostOperator(task_id="delete", verb="delete", resource_name=HOST)

    create >> compute >> delete.as_teardown(setups=create)
