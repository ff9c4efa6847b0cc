"""From the settings of a site to its data options."""

from __future__ import annotations

from chronos_plugin.data.access import DataOptions
from chronos_plugin.data.transport import StorageOptions, no_options
from chronos_plugin.settings import Settings


def data_options(settings: Settings, storage_options: StorageOptions = no_options) -> DataOptions:
    """Return the options that ``settings`` mean.

    Args:
        storage_options: Gives credentials and endpoints; by default the libraries look in the environment.
    """
    allowed = settings.input_uris
    if allowed and settings.output_uri:
        # Outputs of earlier runs are inputs of later ones.
        allowed = (*allowed, settings.output_uri)
    return DataOptions(
        cache=settings.data_cache,
        cache_bytes=settings.data_cache_size << 20,
        parallel=settings.data_parallel,
        retries=settings.data_retries,
        timeout=settings.data_timeout,
        gfal2_python=settings.gfal2_python,
        allowed=allowed,
        storage_options=storage_options,
    )
