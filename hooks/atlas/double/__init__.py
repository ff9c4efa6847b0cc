"""A double of Apache Atlas for tests and trials: its REST API over HTTP, everything in memory.

Written from the published API (v2, as of Atlas 2.x and 3.0-SNAPSHOT) and its table of error codes. It knows
types, entities, references and lineage; no search, classifications, relationships, audits.
"""
