"""The history of executions and files, in OpenLineage's words: its model, how it is recorded and compared.

The model knows no framework; :mod:`chronos_plugin.db.store` keeps it.
"""
