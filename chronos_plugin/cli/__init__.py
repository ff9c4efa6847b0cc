"""The command lines: ``airflow chronos …`` and ``chronos-cwl-runner``."""
