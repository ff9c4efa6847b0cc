"""The demo installation: one Airflow with CHRONOS on this machine, started, followed and stopped as a whole.

Only the standard library is used here, so that nothing has to be imported before the components start;
Airflow itself is imported by :mod:`demo.component` and :mod:`demo.database`, each in a process of its own.
"""
