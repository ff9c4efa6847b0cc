"""CHRONOS: CWL workflows on Apache Airflow for satellite production centres."""

__version__ = "0.1.0"
