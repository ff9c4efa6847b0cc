"""Errors of the demo installation, beside those of its client (:mod:`chronos_plugin.errors`).

DemoError
├── AlreadyRunning    another process runs the same installation
├── ComponentDied     a component ended by itself
└── NotReady          something did not become ready in time
"""

from __future__ import annotations


class DemoError(Exception):
    """Raised when the demo cannot go on; the message says what to do."""


class AlreadyRunning(DemoError):
    """Raised when another process runs the same installation."""


class ComponentDied(DemoError):
    """Raised when a component of Airflow ended by itself."""


class NotReady(DemoError):
    """Raised when something did not become ready in time."""
