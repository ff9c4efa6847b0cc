"""Airflow hooks of CHRONOS."""
