"""Which connector reads a feed. Here: the choice by format, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from connectors.contract import FeedContract
from connectors.errors import ConfigurationError
from connectors.interface import Batch, Connector, Delivery
from connectors.network import Source, resolve_location, resolve_url


def connector_for(
    contract: FeedContract, source_name: str, source: Source, *, network_dir: Path, home: Path
) -> Connector:
    """The connector of one feed of one source.

    Raises ConfigurationError when the source has no place for this kind of feed, or names an unset variable.
    """
    if contract.format.kind == "table":
        url = resolve_url(_given(source.url, "url", source_name), network_dir=network_dir, home=home)
        return _connector(contract, source_name, source.model_copy(update={"url": url}), Path())
    location = _given(source.location, "location", source_name)
    return _connector(contract, source_name, source, resolve_location(location, network_dir=network_dir, home=home))


def reader_for(contract: FeedContract, source_name: str, source: Source) -> Callable[[Delivery], Iterator[Batch]]:
    """Reads landed deliveries of one feed (`Connector.read`): needs neither the source's place nor its secret."""
    return _connector(contract, source_name, source, Path()).read


def _connector(contract: FeedContract, source_name: str, source: Source, folder: Path) -> Connector:
    if contract.format.kind == "table":
        from connectors.database import DatabaseConnector

        return DatabaseConnector(contract, source_name, source)
    if contract.format.kind == "x12":
        from connectors.x12 import X12Connector

        return X12Connector(contract, source_name, source, folder)
    from connectors.delimited import DelimitedConnector

    return DelimitedConnector(contract, source_name, source, folder)


def _given(value: str | None, key: str, source_name: str) -> str:
    if value is None:
        raise ConfigurationError(f"source {source_name} has no {key}", key=key, hint="Add it to the network file")
    return value
