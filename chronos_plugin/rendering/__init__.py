"""Task graphs as Airflow DAGs: the importer for ``.cwl`` files and the functions for DAG files in Python."""
