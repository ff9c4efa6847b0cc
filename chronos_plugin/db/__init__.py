"""CHRONOS's own database: engine, sessions, migrations, and the tables of the store.

Nothing that a task process loads imports this package at module level: it imports SQLAlchemy.
"""
