"""What a service says that it can do."""

from __future__ import annotations

import asyncio

from chronos_plugin.hooks.safescale.capabilities import examine
from chronos_plugin.hooks.safescale.double.server import Double
from chronos_plugin.hooks.safescale.hook import ask
from tests.safescale import endpoint


def test_what_a_version_lacks_is_named(double: Double) -> None:
    found = asyncio.run(ask(endpoint(double), examine))
    assert (found.tenants, found.hosts) == (("test",), 0)
    methods = {lack for lack in found.lacks if ":" not in lack}
    labels = {f"LabelService.{method}" for method in ("Create", "Inspect", "Delete")}
    binding = {"HostService.BindLabel", "HostService.UpdateLabel"}
    assert methods == (labels | binding if double.version == "21.11" else set())
    assert ("HostService.Delete: field force" in found.lacks) == (double.version != "22.11")
    assert ("ClusterService.Create: field parameters" in found.lacks) == (double.version == "21.11")
    assert bool(found.lacks) == (double.version != "22.11")
