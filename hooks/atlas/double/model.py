"""What the double of Apache Atlas knows: types and entities, and how it refuses."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

_KEYWORDS = frozenset(
    {
        "and",
        "as",
        "asc",
        "by",
        "contains",
        "count",
        "desc",
        "from",
        "groupby",
        "has",
        "is",
        "isa",
        "isin",
        "like",
        "limit",
        "max",
        "min",
        "not",
        "offset",
        "or",
        "order",
        "orderby",
        "select",
        "sum",
        "true",
        "false",
        "where",
    }
)
"""Words of Atlas's query language: no attribute may be named so."""
_PRIMITIVE = {
    "string": str,
    "int": int,
    "long": int,
    "date": int,
    "double": (int, float),
    "float": (int, float),
    "boolean": bool,
}
_BASE: dict[str, tuple[list[str], dict[str, str]]] = {
    "Referenceable": ([], {"qualifiedName": "string"}),
    "Asset": (
        ["Referenceable"],
        {"name": "string", "description": "string", "owner": "string", "displayName": "string"},
    ),
    "DataSet": (["Asset"], {}),
    "Infrastructure": (["Asset"], {}),
    "Process": (["Asset"], {"inputs": "array<DataSet>", "outputs": "array<DataSet>"}),
}


class Refusal(Exception):
    """What Atlas answers instead of doing something."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Model:
    """One Atlas."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.types: dict[str, dict[str, Any]] = {
            name: {
                "name": name,
                "superTypes": parents,
                "attributeDefs": [
                    {"name": key, "typeName": kind, "isOptional": key not in ("qualifiedName", "name")}
                    for key, kind in attributes.items()
                ],
            }
            for name, (parents, attributes) in _BASE.items()
        }
        self.entities: dict[str, dict[str, Any]] = {}
        self._guids: dict[tuple[str, str], str] = {}

    # -- types ---------------------------------------------------------------------------------

    def type(self, name: str) -> dict[str, Any]:
        """Return a type's definition."""
        if name not in self.types:
            raise Refusal(404, "ATLAS-404-00-001", f"Given typename {name} was invalid")
        return self.types[name]

    def create_types(self, defs: Iterable[dict[str, Any]]) -> None:
        """Make types, all or none."""
        new = list(defs)
        for definition in new:
            if definition["name"] in self.types:
                raise Refusal(409, "ATLAS-409-00-001", f"Given type {definition['name']} already exists")
        known = {*self.types, *(d["name"] for d in new)}
        for definition in new:
            self._check_type(definition, known)
        self.types.update({d["name"]: copy.deepcopy(d) for d in new})

    def update_types(self, defs: Iterable[dict[str, Any]]) -> None:
        """Change types: optional attributes may come, none may go."""
        new = list(defs)
        for definition in new:
            name = definition["name"]
            before = {a["name"] for a in self.type(name)["attributeDefs"]}
            after = {a["name"]: a for a in definition.get("attributeDefs") or ()}
            for gone in sorted(before - after.keys()):
                raise Refusal(400, "ATLAS-400-00-00D", f"{name}.{gone} : attribute delete not supported")
            for added in sorted(after.keys() - before):
                if not after[added].get("isOptional"):
                    raise Refusal(
                        400, "ATLAS-400-00-00C", f"{name}.{added} : can not add mandatory attribute"
                    )
            self._check_type(definition, set(self.types))
        self.types.update({d["name"]: copy.deepcopy(d) for d in new})

    def attributes(self, type_name: str) -> dict[str, dict[str, Any]]:
        """Return the attributes of a type and of all above it."""
        definition = self.type(type_name)
        found: dict[str, dict[str, Any]] = {}
        for parent in definition.get("superTypes") or ():
            found |= self.attributes(parent)
        return found | {a["name"]: a for a in definition.get("attributeDefs") or ()}

    def is_a(self, type_name: str, wanted: str) -> bool:
        """Return whether a type is another, or below it."""
        if type_name == wanted:
            return True
        return any(self.is_a(parent, wanted) for parent in self.type(type_name).get("superTypes") or ())

    def _check_type(self, definition: Mapping[str, Any], known: set[str]) -> None:
        for parent in definition.get("superTypes") or ():
            if parent not in known:
                raise Refusal(404, "ATLAS-404-00-001", f"Given typename {parent} was invalid")
        for attribute in definition.get("attributeDefs") or ():
            if attribute["name"].lower() in _KEYWORDS:
                message = f"{attribute['name']}: invalid name. Attribute name must not contain query keywords"
                raise Refusal(400, "ATLAS-400-00-020", message)
            inner = attribute["typeName"].removeprefix("array<").removeprefix("map<").rstrip(">")
            for part in inner.split(","):
                if part not in _PRIMITIVE and part not in known:
                    raise Refusal(400, "ATLAS-400-00-00A", f"{part}: Unknown/invalid typename")

    # -- entities ------------------------------------------------------------------------------

    def upsert(self, entities: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Make or update entities, all or none."""
        given = list(entities)
        keys = [self._key(entity) for entity in given]
        coming = {
            str(entity["guid"]): key[0] for entity, key in zip(given, keys, strict=True) if "guid" in entity
        }
        for entity in given:
            self._check(entity, coming)
        changed: dict[str, list[dict[str, Any]]] = {"CREATE": [], "UPDATE": []}
        assigned: dict[str, str] = {}
        for entity, key in zip(given, keys, strict=True):
            is_new = key not in self._guids
            guid = self._guids.setdefault(key, str(uuid.uuid4()))
            if str(entity.get("guid", "")).startswith("-"):
                assigned[entity["guid"]] = guid
            kept = self.entities.get(guid, {"attributes": {}})
            self.entities[guid] = {
                "typeName": key[0],
                "guid": guid,
                "status": "ACTIVE",
                "attributes": {**kept["attributes"], **copy.deepcopy(entity["attributes"])},
            }
            changed["CREATE" if is_new else "UPDATE"].append(self._header(guid))
        for guid in self._guids.values():
            self._settle(self.entities[guid]["attributes"], assigned)
        return {"mutatedEntities": {k: v for k, v in changed.items() if v}, "guidAssignments": assigned}

    def find(self, type_name: str, name: str) -> dict[str, Any]:
        """Return an entity by its qualified name."""
        self.type(type_name)
        guid = self._guid(type_name, name)
        if guid is None:
            message = f"Instance {type_name} with unique attribute {{qualifiedName={name}}} does not exist"
            raise Refusal(404, "ATLAS-404-00-009", message)
        return self.entities[guid]

    def delete(self, type_name: str, name: str) -> dict[str, Any]:
        """Mark an entity as deleted."""
        entity = self.find(type_name, name)
        entity["status"] = "DELETED"
        self._guids.pop((entity["typeName"], name), None)
        return {"mutatedEntities": {"DELETE": [self._header(entity["guid"])]}}

    def lineage(self, type_name: str, name: str, direction: str, depth: int) -> dict[str, Any]:
        """Return what is around an entity, ``depth`` processes far (0: without bound)."""
        start = self.find(type_name, name)
        if not self.is_a(start["typeName"], "DataSet") and not self.is_a(start["typeName"], "Process"):
            raise Refusal(404, "ATLAS-404-00-011", "Given instance is not a valid lineage entity type.")
        relations: dict[tuple[str, str], None] = {}
        found = {start["guid"]}
        for side in ("INPUT", "OUTPUT") if direction == "BOTH" else (direction,):
            front, steps = {start["guid"]}, 2 * depth if depth else 1 << 30
            for _ in range(steps):
                edges = [e for e in self._edges() if e[1 if side == "INPUT" else 0] in front]
                fresh = {e[0 if side == "INPUT" else 1] for e in edges} - found
                relations |= dict.fromkeys(edges)
                found |= fresh
                front = fresh
                if not front:
                    break
        return {
            "baseEntityGuid": start["guid"],
            "lineageDirection": direction,
            "lineageDepth": depth,
            "guidEntityMap": {guid: self._header(guid) for guid in found},
            "relations": [{"fromEntityId": a, "toEntityId": b} for a, b in relations],
        }

    # -- inside --------------------------------------------------------------------------------

    def _edges(self) -> list[tuple[str, str]]:
        edges = []
        for guid, entity in self.entities.items():
            if entity["status"] != "ACTIVE":
                continue
            for name in ("inputs", "outputs"):
                for reference in entity["attributes"].get(name) or ():
                    other = reference["guid"]
                    edges.append((other, guid) if name == "inputs" else (guid, other))
        return edges

    def _guid(self, type_name: str, name: str) -> str | None:
        exact = self._guids.get((type_name, name))
        if exact is not None:
            return exact
        fitting = (g for (t, n), g in self._guids.items() if n == name and self.is_a(t, type_name))
        return next(fitting, None)

    def _key(self, entity: Mapping[str, Any]) -> tuple[str, str]:
        type_name = str(entity.get("typeName", ""))
        self.type(type_name)
        name = (entity.get("attributes") or {}).get("qualifiedName")
        if not isinstance(name, str) or not name:
            message = f"Invalid instance creation/updation parameters passed : {type_name}.qualifiedName"
            raise Refusal(404, "ATLAS-404-00-007", f"{message}: mandatory attribute value missing")
        return type_name, name

    def _settle(self, attributes: dict[str, Any], assigned: Mapping[str, str]) -> None:
        """Put guids in the place of references."""
        for side in ("inputs", "outputs"):
            for reference in attributes.get(side) or ():
                given = reference.get("guid", "")
                if given in assigned:
                    reference["guid"] = assigned[given]
                elif "uniqueAttributes" in reference:
                    unique = reference.pop("uniqueAttributes")
                    reference["guid"] = self._guid(reference["typeName"], unique["qualifiedName"])

    def _check(self, entity: Mapping[str, Any], coming: Mapping[str, str]) -> None:
        type_name, given = entity["typeName"], entity["attributes"]
        known = self.attributes(type_name)
        if "name" in known and not given.get("name"):
            self._wrong(f"{type_name}.name: mandatory attribute value missing")
        for name, value in given.items():
            # Attributes that a type does not have are let go without a word, as Atlas does.
            if name in known and value is not None:
                self._check_value(f"{type_name}.{name}", known[name]["typeName"], value, coming)

    def _check_value(self, place: str, kind: str, value: Any, coming: Mapping[str, str]) -> None:
        if kind.startswith("array<"):
            if not isinstance(value, list):
                self._wrong(f"{place}={value!r}: invalid value for type {kind}")
            for inner in value:
                self._check_value(place, kind[6:-1], inner, coming)
        elif kind.startswith("map<"):
            if not isinstance(value, dict):
                self._wrong(f"{place}={value!r}: invalid value for type {kind}")
        elif kind in _PRIMITIVE:
            if not isinstance(value, _PRIMITIVE[kind]):  # type: ignore[arg-type]
                self._wrong(f"{place}={value!r}: invalid value for type {kind}")
        else:
            self._check_reference(place, kind, value, coming)

    def _check_reference(self, place: str, kind: str, value: Any, coming: Mapping[str, str]) -> None:
        type_name = str(value.get("typeName"))
        name = (value.get("uniqueAttributes") or {}).get("qualifiedName")
        if not self.is_a(type_name, kind):
            self._wrong(f"{place}: {type_name} is no {kind}")
        # What comes in the same request is found by its guid alone.
        guid = str(value.get("guid", ""))
        there = coming.get(guid) == type_name if guid else self._guid(type_name, str(name)) is not None
        if not there and guid not in self.entities:
            raise Refusal(404, "ATLAS-404-00-00A", f"Referenced entity {type_name} {name} is not found")

    def _wrong(self, why: str) -> None:
        raise Refusal(
            404, "ATLAS-404-00-007", f"Invalid instance creation/updation parameters passed : {why}"
        )

    def _header(self, guid: str) -> dict[str, Any]:
        entity = self.entities[guid]
        shown = {k: v for k, v in entity["attributes"].items() if k in ("qualifiedName", "name")}
        return {
            "typeName": entity["typeName"],
            "guid": guid,
            "status": entity["status"],
            "attributes": shown,
        }
