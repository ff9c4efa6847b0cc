"""Task graphs as Airflow DAGs: the importer for ``.cwl`` files and the functions for DAG files in Python."""

# First of all: importing Airflow loads chronos_plugin.policy, which imports from this package.
import airflow  # noqa: F401
