"""The demo installation: one Airflow with CHRONOS on this machine, started, followed and stopped as a whole.

Nothing heavy is imported here before the components start; the client of their API, and ``requests`` with
it, while they load. Airflow itself is imported by :mod:`deploy.demo.loader` and
:mod:`deploy.demo.database`, each in a process of its own.
"""
