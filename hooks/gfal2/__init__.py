"""Airflow connections to grid storages."""
