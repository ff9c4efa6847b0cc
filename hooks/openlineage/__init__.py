"""Receivers of OpenLineage events: Marquez, DataHub, OpenMetadata …, or a file."""
