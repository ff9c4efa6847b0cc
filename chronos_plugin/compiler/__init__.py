"""CWL documents to task graphs: pure, no Airflow."""
