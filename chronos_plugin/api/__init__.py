"""The REST API under ``/chronos``."""
