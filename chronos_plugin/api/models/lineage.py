"""Lineage and search."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from chronos_plugin.api.models.history import Dataset, Run


class Read(BaseModel):
    """A run read a dataset."""

    dataset: int
    run: UUID


class Write(BaseModel):
    """A run made a dataset."""

    run: UUID
    dataset: int


class Lineage(BaseModel):
    """A part of the history: runs and datasets as nodes, reads and writes as edges."""

    direction: Literal["upstream", "downstream", "both"]
    depth: int = Field(description="Runs that were followed")
    datasets: list[Dataset]
    runs: list[Run]
    reads: list[Read]
    writes: list[Write]
    shown: int = Field(description="Nodes that are here")
    at_least: int = Field(description="Nodes that there are at least within the depth")
    cut: bool = Field(description="Whether the limit left some out")
    summary: str = Field(examples=["first 1,000 of 4,213 or more", "all 14"])
    open: list[int] = Field(description="Datasets from which to ask on: what lies beyond was not followed")


class WorkflowHit(BaseModel):
    """A workflow whose name fits."""

    dag_id: str
    description: str = ""


class SearchResult(BaseModel):
    """What fits a word: a name, a part of a name, a path, a URI, an id."""

    datasets: list[Dataset]
    runs: list[Run]
    workflows: list[WorkflowHit]
    more: bool = Field(description="Whether there are more datasets: ask /datasets")
