"""Exports of the history: its values as the documents of other systems. No database, no network."""
