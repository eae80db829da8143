"""Where things are: the project's folders, the home of all state, the chosen network.

Here: environment variables and paths. Not here: what is in those folders.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Settings:
    """`project`: folder with feeds/ and networks/. `home`: all state. `network`: name or path of a network file."""

    project: Path
    home: Path
    network: str

    @property
    def feeds(self) -> Path:
        """Folder of the feed contracts."""
        return self.project / "feeds"

    @property
    def network_path(self) -> Path:
        """The network file: `networks/<name>.yml`, or the path itself where one was given."""
        if self.network.endswith((".yml", ".yaml")):
            return Path(self.network)
        return self.project / "networks" / f"{self.network}.yml"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME: the run and event storage behind the UI."""
        return self.home / "dagster"


def package_root() -> Path:
    """The folder that holds the top-level packages (the repository, when installed from it)."""
    return Path(__file__).resolve().parent.parent


def find_project() -> Path:
    """CONCORD_PROJECT, else the working folder if it has feeds/ and networks/, else the repository."""
    named = os.environ.get("CONCORD_PROJECT")
    for folder in (Path(named) if named else None, Path.cwd(), package_root()):
        if folder and (folder / "feeds").is_dir() and (folder / "networks").is_dir():
            return folder.resolve()
    raise ConfigurationError(
        "no project folder found (one with feeds/ and networks/)",
        location=named or str(Path.cwd()),
        hint="Run concord in the project folder, or set CONCORD_PROJECT to it",
    )


def load_settings(network: str | None = None, home: Path | None = None) -> Settings:
    """Settings from arguments, else CONCORD_NETWORK (default `sample`) and CONCORD_HOME (default `./var`).

    Raises ConfigurationError when no project folder or no such network file is found.
    """
    project = find_project()
    settings = Settings(
        project=project,
        home=(home or Path(os.environ.get("CONCORD_HOME", project / "var"))).resolve(),
        network=_anywhere(network or os.environ.get("CONCORD_NETWORK", "sample")),
    )
    if not settings.network_path.is_file():
        known = ", ".join(sorted(p.stem for p in (project / "networks").glob("*.yml")))
        raise ConfigurationError(
            f"there is no network {settings.network!r}",
            location=str(settings.network_path),
            hint=f"Known networks: {known}",
        )
    return settings


def _anywhere(network: str) -> str:
    """A network's name as it is; the path of a file as it counts in any working folder."""
    return str(Path(network).resolve()) if network.endswith((".yml", ".yaml")) else network
