"""The ten calls of Apache Atlas's REST API (v2) that CHRONOS needs.

The published Python client is not used for them: it knows no timeouts and no tokens, loses the last part of
an address with a path, and its errors have neither status nor code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chronos_plugin.errors import ExportFailed, ServiceFailed
from chronos_plugin.hooks.receiver import Receiver, ask, client, said

if TYPE_CHECKING:
    import httpx

_BASE = "/api/atlas"
_READ_AT_ONCE = 40
"""Names in one question; Atlas's limit is the length of an address."""


class AtlasRefused(ServiceFailed):
    """Raised when Atlas does not do what it was asked, and will not.

    Attributes:
        code: Atlas's own, such as ``ATLAS-404-00-009``; empty where it gave none.
    """

    def __init__(self, message: str, *, status: int, code: str) -> None:
        super().__init__(message, status=status)
        self.code = code


class AtlasClient:
    """Speaks to one Atlas; may be used by one thread at a time."""

    def __init__(self, receiver: Receiver) -> None:
        self._http = client(receiver)
        self.url = receiver.url

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def status(self) -> str:
        """Return ``ACTIVE``, ``PASSIVE``, ``BECOMING_ACTIVE`` or ``MIGRATING``.

        Raises:
            ExportFailed: If it does not answer.
        """
        return str(self._value("GET", "/admin/status").get("Status", ""))

    def version(self) -> str:
        """Return Atlas's version; empty where it does not say."""
        return str(self._value("GET", "/admin/version").get("Version", ""))

    def types(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the definitions of those of the types that are there, by name."""
        found = {}
        for name in names:
            answer = self._ask("GET", f"/v2/types/typedef/name/{name}")
            if answer.status_code != 404:
                found[name] = self._checked(answer)
        return found

    def create_types(self, typedefs: Mapping[str, Any]) -> None:
        """Make types; an AtlasRefused of status 409 where one is there."""
        self._checked(self._ask("POST", "/v2/types/typedefs", json=dict(typedefs)))

    def update_types(self, typedefs: Mapping[str, Any]) -> None:
        """Add optional attributes to types."""
        self._checked(self._ask("PUT", "/v2/types/typedefs", json=dict(typedefs)))

    def upsert(self, entities: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Make or update entities, found again by their qualified names; all or none.

        Returns:
            How many were created and updated.

        Raises:
            AtlasRefused: If one of them is wrong.
            ExportFailed: If Atlas is away or busy.
        """
        body = {"entities": list(entities), "referredEntities": {}}
        changed = self._checked(self._ask("POST", "/v2/entity/bulk", json=body)).get("mutatedEntities") or {}
        return {
            "created": len(changed.get("CREATE") or ()),
            "updated": len(changed.get("UPDATE") or ()) + len(changed.get("PARTIAL_UPDATE") or ()),
        }

    def existing(self, type_name: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return those of the entities that are there and not deleted, by qualified name."""
        found = {}
        for start in range(0, len(names), _READ_AT_ONCE):
            some = names[start : start + _READ_AT_ONCE]
            query = {f"attr_{n}:qualifiedName": name for n, name in enumerate(some)}
            answer = self._ask(
                "GET",
                f"/v2/entity/bulk/uniqueAttribute/type/{type_name}",
                params={**query, "minExtInfo": "true", "ignoreRelationships": "true"},
            )
            if answer.status_code == 404:
                # Older servers answer so where one of them is not there.
                found.update(self._one_by_one(type_name, some))
                continue
            for entity in self._checked(answer).get("entities") or ():
                if entity.get("status") != "DELETED":
                    found[entity["attributes"]["qualifiedName"]] = entity
        return found

    def lineage(self, type_name: str, name: str, direction: str = "BOTH", depth: int = 3) -> dict[str, Any]:
        """Return the lineage around an entity, as Atlas gives it."""
        return self._value(
            "GET",
            f"/v2/lineage/uniqueAttribute/type/{type_name}",
            params={"attr:qualifiedName": name, "direction": direction, "depth": str(depth)},
        )

    def delete(self, type_name: str, name: str) -> None:
        """Mark an entity as deleted."""
        path = f"/v2/entity/uniqueAttribute/type/{type_name}"
        self._checked(self._ask("DELETE", path, params={"attr:qualifiedName": name}))

    # -- inside --------------------------------------------------------------------------------

    def _one_by_one(self, type_name: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        found = {}
        for name in names:
            path = f"/v2/entity/uniqueAttribute/type/{type_name}"
            answer = self._ask("GET", path, params={"attr:qualifiedName": name, "minExtInfo": "true"})
            if answer.status_code != 404:
                entity = self._checked(answer)["entity"]
                if entity.get("status") != "DELETED":
                    found[name] = entity
        return found

    def _value(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        return self._checked(self._ask(method, path, **arguments))

    def _ask(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return ask(self._http, method, f"{_BASE}{path}", **arguments)

    def _checked(self, answer: httpx.Response) -> dict[str, Any]:
        value: Any = {}
        if answer.content:
            try:
                value = answer.json()
            except ValueError:
                value = None
        if answer.is_success and isinstance(value, dict):
            return value
        if answer.is_success or answer.is_redirect:
            # A login page of a gateway, for example.
            raise ExportFailed(f"{self.url}: no Apache Atlas answers there: {said(answer)}")
        code = str(value.get("errorCode", "")) if isinstance(value, dict) else ""
        raise AtlasRefused(f"{self.url}: {said(answer)}", status=answer.status_code, code=code)
