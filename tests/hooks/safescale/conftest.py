"""Doubles of each version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chronos_plugin.hooks.safescale.double.interface import VERSIONS
from chronos_plugin.hooks.safescale.double.server import Double


@pytest.fixture(params=VERSIONS)
def double(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Double]:
    """A running double of each version."""
    with Double(tmp_path / "hosts", request.param) as running:
        yield running
