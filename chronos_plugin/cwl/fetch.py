"""Reading of CWL documents: local files only, each one announced before it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chronos_plugin.cwl.source import as_yaml

if TYPE_CHECKING:
    from schema_salad.utils import FetcherCallableType


def fetcher(on_read: Callable[[Path], None] | None) -> FetcherCallableType:
    """Return a fetcher class for cwltool's loader that calls ``on_read`` with each local path."""
    from schema_salad.exceptions import ValidationException
    from schema_salad.fetcher import DefaultFetcher
    from schema_salad.ref_resolver import uri_file_path

    class BundleFetcher(DefaultFetcher):
        """Refuses the network: a workflow must not change because a web page did."""

        def fetch_text(self, url: str, content_types: list[str] | None = None) -> str:
            if url.startswith("file:"):
                path = Path(uri_file_path(url))
                if on_read is not None:
                    on_read(path)
                return as_yaml(super().fetch_text(url, content_types).encode()).decode()
            if "://" in url and url not in self.cache:
                raise ValidationException(
                    f"{url}: documents are read from the bundle only; put a copy beside the workflow"
                )
            return super().fetch_text(url, content_types)

        def check_exists(self, url: str) -> bool:
            return url in self.cache or (url.startswith("file:") and super().check_exists(url))

    def construct(cache: Any, session: Any) -> BundleFetcher:
        return BundleFetcher(cache, session)

    return construct
