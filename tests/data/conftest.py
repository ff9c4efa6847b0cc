"""Storages that run here."""

from tests.storages import grid, s3, s3_server, web

__all__ = ["grid", "s3", "s3_server", "web"]
