"""The tables, one module a room; each room makes its own by its own migrations."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from chronos_plugin.db import metadata as shared

if TYPE_CHECKING:
    from sqlalchemy import MetaData


def load_all() -> MetaData:
    """Import every module of tables; return the metadata that holds them all."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return shared.metadata
