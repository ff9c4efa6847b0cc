"""Loaded by every ``import airflow`` (entry point ``airflow.policy``): registers the importer of CWL files.

The command line loads no plugins before it lists DAGs; this is the one hook that it does load. The
importer imports the compiler only when it is used.
"""

from chronos_plugin.rendering.importer import register

register()
