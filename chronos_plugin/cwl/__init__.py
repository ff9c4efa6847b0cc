"""The CWL language: reading, checking and loading documents; expressions. No Airflow."""
