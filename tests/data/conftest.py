"""Storages that run here."""

from tests.grid import grid
from tests.storages import s3, s3_server, web

__all__ = ["grid", "s3", "s3_server", "web"]
