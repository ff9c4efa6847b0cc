"""A client of a running CHRONOS, for programs and for the command line.

::

    from chronos_plugin.client import Client

    client = Client("https://airflow.example")
    client.log_in("operator", "password")
    for run in client.history.runs(RunFilter(workflow="swot_coverage")).runs:
        print(run.id, run.state.name)
"""

from chronos_plugin.client.session import Client

__all__ = ["Client"]
