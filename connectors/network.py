"""`Network`: which feeds are enabled and where each source lives (`networks/<name>.yml`).

Here: the model and the resolution of `env:` references. Not here: how a source is read. A secret is
written as `env:NAME` and resolved only when a connection opens; it is never stored or logged.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field

from connectors.contract import Model, Name, Zone
from connectors.errors import ConfigurationError

_SECRET_KEYS = re.compile(r"pass(word|wd)?|pwd|secret|token|api_?key", re.IGNORECASE)
_CRON = re.compile(r"[0-9*/,-]+( [0-9*/,A-Za-z-]+){4}")


def url_fault(url: str) -> str | None:
    """What is wrong with a URL as a network file has it, in words that never show it; None when nothing is."""
    if url.startswith(("env:", "home:")):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return "not a SQLAlchemy URL, home:FILE or env:NAME"
    secret = "@" in parts.netloc and ":" in parts.netloc.rpartition("@")[0]
    if secret or any(_SECRET_KEYS.fullmatch(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return "a password is written out: put the URL into an environment variable and write env:NAME here"
    return None if parts.scheme else "not a SQLAlchemy URL, home:FILE or env:NAME"


def _reference(value: str) -> str:
    if not re.fullmatch(r"env:[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("env: must be followed by the name of an environment variable, for example env:ERP_URL")
    return value


def _below_home(value: str) -> str:
    path = PurePosixPath(value.removeprefix("home:"))
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{value!r} must be a path below CONCORD_HOME: not absolute, without '..'")
    return value


def _place(value: str) -> str:
    if "\0" in value or not value.strip():
        raise ValueError("empty: write a path or URL, home:NAME or env:NAME")
    if value.startswith("env:"):
        return _reference(value)
    return _below_home(value) if value.startswith("home:") else value


def _cron(value: str) -> str:
    if not _CRON.fullmatch(value):
        raise ValueError(f"{value!r} is no cron expression of five fields (for example '30 2 * * *')")
    return value


Place = Annotated[str, AfterValidator(_place)]
Cron = Annotated[str, AfterValidator(_cron)]


class StandsAt(Model):
    """Where a database that is a copy says at which moment (UTC) its data stands: the newest value of a column."""

    table: str = Field(min_length=1)
    column: str = Field(min_length=1)


class Source(Model):
    """One installed system. `system` names its feed pack `feeds/<system>/`.

    `location`: a folder (file feeds) relative to the network file, to CONCORD_HOME (`home:landing-zone`)
    or absolute. `url`: a SQLAlchemy URL, `env:NAME`, or `home:erp.sqlite` (a SQLite file below CONCORD_HOME).
    `timezone`: IANA zone of its local times. `facility`: the facility the whole system belongs to, where it
    belongs to one. `stands_at`: of a database that is a copy; watermarks and as-of then count from that moment, because
    the copy's clock knows nothing of what the original wrote since.
    """

    system: Name
    location: Place | None = None
    url: Place | None = None
    timezone: Zone = "UTC"
    facility: str | None = None
    stands_at: StandsAt | None = None
    feeds: tuple[Name, ...] | None = Field(default=None, description="enabled feeds; all of the pack when absent")


class Schedules(Model):
    """Cron expressions in the network's time zone."""

    nightly: Cron = "30 2 * * *"
    hourly: Cron = "10 * * * *"


class Network(Model):
    """A hospital network: its sources, by the name that becomes `source_system` in every table."""

    network: Name
    description: str
    timezone: Zone
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
            f"environment variable {name} is not set",
            hint=f"Set {name} to where the source is: the URL of a database, the folder of files",
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
