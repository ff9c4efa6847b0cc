"""A database to measure on: the one that ``CHRONOS_BENCH_DATABASE`` names, or a PostgreSQL of our own."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, make_url, text

from chronos_plugin.db import migrate
from chronos_plugin.db.engine import make_engine

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "services" / "postgres.sh"
NAME = "chronos_bench"
SETTINGS = (
    "shared_buffers={buffers}MB",
    "max_wal_size=8GB",
    "checkpoint_timeout=15min",
    "wal_compression=on",
    "maintenance_work_mem=512MB",
    "random_page_cost=1.1",
)


@contextmanager
def database() -> Iterator[str]:
    """Give the address of an empty database, its tables made."""
    given = os.environ.get("CHRONOS_BENCH_DATABASE")
    if given:
        yield _made(given)
        return
    folder = os.environ.get("CHRONOS_POSTGRES_DIR") or f"{tempfile.gettempdir()}/chronos-bench-postgres"
    environment = {**os.environ, "CHRONOS_POSTGRES_DIR": folder}
    buffers = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (6 << 20)
    settings = [s.format(buffers=buffers) for s in SETTINGS]
    started = subprocess.run(
        [SCRIPT, "start", *settings], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    try:
        yield _made(started.stdout.strip())
    finally:
        subprocess.run([SCRIPT, "stop" if os.environ.get("KEEP") else "remove"], env=environment, check=True)


def _made(server: str) -> str:
    admin = make_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {NAME}"))
    admin.dispose()
    url = make_url(server).set(database=NAME).render_as_string(hide_password=False)
    engine = make_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
    return url


def size(engine: Engine, *, text_index: bool) -> int:
    """Return the bytes of all tables and indexes.

    Args:
        text_index: Of the lists by number in the name alone; otherwise of everything but them.
    """
    from chronos_plugin.db.sizes import table_sizes
    from chronos_plugin.db.store.lists import NUMBERS

    total = sum(row.table_bytes + row.index_bytes for row in table_sizes(engine))
    with engine.connect() as connection:
        share = connection.execute(
            text(
                "SELECT coalesce(sum(length(data) + 60) FILTER (WHERE kind = :kind)::float / "
                "nullif(sum(length(data) + 60), 0), 0) FROM chronos.posting"
            ),
            {"kind": NUMBERS},
        ).scalar_one()
        posting = connection.execute(text("SELECT pg_total_relation_size('chronos.posting')")).scalar_one()
    names = round(posting * float(share))
    return names if text_index else total - names
