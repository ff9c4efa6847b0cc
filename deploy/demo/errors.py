"""Errors of the demo installation.

DemoError
├── AlreadyRunning    another process runs the same installation
├── ComponentDied     a component ended by itself
├── ApiError          the REST API refused a request
└── NotReady          something did not become ready in time
"""

from __future__ import annotations


class DemoError(Exception):
    """Raised when the demo cannot go on; the message says what to do."""


class AlreadyRunning(DemoError):
    """Raised when another process runs the same installation."""


class ComponentDied(DemoError):
    """Raised when a component of Airflow ended by itself."""


class ApiError(DemoError):
    """Raised when the REST API answers a request with an error.

    Attributes:
        status: The HTTP status, 0 when there was no answer at all.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NotReady(DemoError):
    """Raised when something did not become ready in time."""
