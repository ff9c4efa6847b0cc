"""Running a compiled document: inputs, scatter, one step, outputs. Knows no Airflow."""
