"""Airflow operators of CHRONOS."""
