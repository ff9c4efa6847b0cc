"""Runs the public validator on a crate, without a network; for the Python of .ci/validators.sh.

Usage: validate_crate.py CRATE.zip; prints what does not conform as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import rocrate
from rocrate_validator import services
from rocrate_validator.models import Severity
from rocrate_validator.utils.http import HttpRequester

_RUN = "https://w3id.org/ro/terms/workflow-run#"
_RUN_TERMS = [
    "ParameterConnection",
    "ContainerImage",
    "DockerImage",
    "SIFImage",
    "connection",
    "sourceParameter",
    "targetParameter",
    "md5",
    "sha1",
    "sha256",
    "sha512",
    "environment",
    "registry",
    "tag",
    "containerImage",
    "resourceUsage",
]
_BIOSCHEMAS = "https://bioschemas.org/"
# The package has the context of RO-Crate 1.2; these terms were others in 1.1.
_OLDER = {
    "ComputationalWorkflow": f"{_BIOSCHEMAS}ComputationalWorkflow",
    "FormalParameter": f"{_BIOSCHEMAS}FormalParameter",
    "input": f"{_BIOSCHEMAS}ComputationalWorkflow#input",
    "output": f"{_BIOSCHEMAS}ComputationalWorkflow#output",
}
_CRATE = json.loads((Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld").read_text())["@context"]
_CONTEXTS: dict[str, Any] = {
    "https://w3id.org/ro/crate/1.1/context": {"@context": {**_CRATE, **_OLDER}},
    "https://w3id.org/ro/terms/workflow-run/context": {"@context": {t: _RUN + t for t in _RUN_TERMS}},
}


class _Answer:
    """What the validator sees of an answer."""

    status_code = 200
    headers = {"Content-Type": "application/ld+json"}  # noqa: RUF012

    def __init__(self, value: Any) -> None:
        self._value = value
        self.text = json.dumps(value)
        self.content = self.text.encode()

    def json(self) -> Any:
        return self._value

    def raise_for_status(self) -> None:
        """It is well."""


def _get(url: str, *_: Any, **__: Any) -> _Answer:
    if url not in _CONTEXTS:
        raise ConnectionError(f"no network in tests: {url}")
    return _Answer(_CONTEXTS[url])


def main() -> None:
    """Validate at the recommended level; required and recommended findings apart."""
    HttpRequester.__getattr__ = lambda *_: _get  # type: ignore[method-assign]
    result = services.validate(
        services.ValidationSettings(
            rocrate_uri=sys.argv[1],
            profile_identifier="provenance-run-crate",
            requirement_severity=Severity.RECOMMENDED,
            skip_availability_check=True,
        )
    )
    found: dict[str, list[str]] = {"required": [], "recommended": []}
    for issue in result.get_issues():
        kind = "required" if issue.severity is Severity.REQUIRED else "recommended"
        found[kind].append(
            f"{issue.check.identifier}: {issue.message} [{getattr(issue, 'violatingEntity', None)}]"
        )
    print(
        json.dumps(
            {"profile": "provenance-run-crate", "checks": len(result.executed_checks), **found}, indent=1
        )
    )


if __name__ == "__main__":
    main()
