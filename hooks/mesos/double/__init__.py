"""A Mesos to test against: one or more masters and agents in this process, behind the real HTTP API.

Mesos is in the Apache Attic, and no package of it can be installed; so it is imitated from recorded exchanges
with a Mesos 1.12.0 and from what was seen of it. Agents run the commands as processes in sandbox folders (or
pretend to, for measurements). Faults can be ordered. What it does not have: container images, reservations
and quotas, maintenance, several roles of one framework, task groups, custom executors, limits of resources
in force.

``python -m chronos_plugin.hooks.mesos.double --port 5050`` starts one by itself.
"""

from chronos_plugin.hooks.mesos.double.server import MesosDouble

__all__ = ["MesosDouble"]
