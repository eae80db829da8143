"""`Network`: which feeds are enabled and where each source lives (`networks/<name>.yml`).

Here: the model and the resolution of `env:` references. Not here: how a source is read. A secret is
written as `env:NAME` and resolved only when a connection opens; it is never stored or logged.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field

from connectors.contract import Model, Name
from connectors.errors import ConfigurationError


class Source(Model):
    """One installed system. `system` names its feed pack `feeds/<system>/`.

    `location`: a folder (file feeds) relative to the network file, to CONCORD_HOME (`home:landing-zone`)
    or absolute. `url`: a SQLAlchemy URL, `env:NAME`, or `home:erp.sqlite` (a SQLite file below CONCORD_HOME).
    `timezone`: IANA zone of its local times. `facility`: the facility the whole system belongs to, where it
    belongs to one.
    """

    system: Name
    location: str | None = None
    url: str | None = None
    timezone: str = "UTC"
    facility: str | None = None
    feeds: tuple[Name, ...] | None = Field(default=None, description="enabled feeds; all of the pack when absent")


class Schedules(Model):
    """Cron expressions in the network's time zone."""

    nightly: str = "30 2 * * *"
    hourly: str = "10 * * * *"


class Network(Model):
    """A hospital network: its sources, by the name that becomes `source_system` in every table."""

    network: Name
    description: str
    timezone: str
    fiscal_year_start_month: int = Field(default=1, ge=1, le=12)
    sample: bool = Field(default=False, description="the simulated network: its extracts are generated when missing")
    schedules: Schedules = Schedules()
    sources: dict[Name, Source]


def resolve_secret(text: str) -> str:
    """`env:NAME` -> the variable's value; anything else as it is.

    Raises ConfigurationError naming the variable (never its value) when it is not set.
    """
    if not text.startswith("env:"):
        return text
    name = text.removeprefix("env:")
    value = os.environ.get(name)
    if value is None:
        raise ConfigurationError(
            f"environment variable {name} is not set", hint=f"Set {name} to the source's connection URL"
        )
    return value


def resolve_location(location: str, *, network_dir: Path, home: Path) -> Path:
    """A source's folder: `home:sub/folder`, absolute, or relative to the network file's folder."""
    if location.startswith("home:"):
        return home / location.removeprefix("home:")
    if location.startswith("env:"):
        return Path(resolve_secret(location))
    return (network_dir / location).resolve()


def resolve_url(url: str, *, network_dir: Path, home: Path) -> str:
    """A source's SQLAlchemy URL: `env:NAME`, a SQLite file `home:sub/erp.sqlite`, or a URL as it is.

    A relative SQLite path (`sqlite:///erp.sqlite`) counts from the network file's folder, like a location.
    Raises ConfigurationError when the variable is not set.
    """
    text = resolve_secret(url)
    if text.startswith("home:"):
        return f"sqlite:///{home.resolve() / text.removeprefix('home:')}"
    path = text.removeprefix("sqlite:///")
    if path == text or not path or path.startswith(("/", ":", "file:")):
        return text
    return f"sqlite:///{(network_dir / path).resolve()}"
