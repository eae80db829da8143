"""Running Concord as a user does: the `concord` command in a process of its own, on a home of its own.

Here: starting it, and reading what it published. Not here: assertions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from tests.small_network.generate import generate

ROOT = Path(__file__).resolve().parent.parent.parent
#: The network that most tests sync: small, and made in no time.
SMALL = str(ROOT / "tests" / "small_network" / "small.yml")


@dataclass
class Home:
    """One installation: its folder of state, its network, the environment it runs in, the module that is run.

    The extracts of the small network are made when the first command needs them. An empty `network` leaves the choice
    to the command, as for a user who has set nothing.
    """

    path: Path
    network: str = SMALL
    env: dict[str, str] = field(default_factory=dict)
    program: str = "pipelines"

    def run(self, *arguments: str, check: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """`concord ARGUMENTS`; fails with the whole output unless it ends with `check` (None: any end will do)."""
        if self.network == SMALL and not (self.path / "sample").exists():
            generate(self.path / "sample")
        done = subprocess.run(
            [sys.executable, "-m", self.program, *arguments],
            cwd=ROOT,
            env=self._environment(env),
            capture_output=True,
            text=True,
            timeout=600,
        )
        if check is not None and done.returncode != check:
            raise AssertionError(f"concord {' '.join(arguments)} ended {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def sync(self, *arguments: str, check: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """`concord sync ARGUMENTS`."""
        return self.run("sync", *arguments, check=check, **env)

    def _environment(self, env: dict[str, str]) -> dict[str, str]:
        mine = {"CONCORD_HOME": str(self.path), "COLUMNS": "200"}
        if self.network:
            mine["CONCORD_NETWORK"] = self.network
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("CONCORD_", "DAGSTER_"))}
        return {**inherited, **mine, **self.env, **env}

    def manifest(self) -> dict[str, object]:
        """Manifest of the version that readers see."""
        pointed = (self.path / "published" / "reporting.duckdb").resolve()
        loaded: dict[str, object] = json.loads(pointed.with_suffix(".json").read_text("utf-8"))
        return loaded

    @property
    def content_hash(self) -> str:
        """Content hash of the version that readers see."""
        return str(self.manifest()["content_hash"])

    def query(self, sql: str, *parameters: object) -> list[tuple[object, ...]]:
        """Rows of the published store."""
        with duckdb.connect(str(self.path / "published" / "reporting.duckdb"), read_only=True) as con:
            return con.execute(sql, list(parameters)).fetchall()

    def one(self, sql: str, *parameters: object) -> object:
        """The single value of a query of the published store."""
        return self.query(sql, *parameters)[0][0]


def copy_of(home: Home, target: Path) -> Home:
    """An independent copy of a home, with its state."""
    shutil.copytree(home.path, target, symlinks=True)
    return Home(target, home.network, home.env, home.program)
