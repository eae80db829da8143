"""Imports run one way: the rooms know nothing of Dagster, and of each other only the named contracts.

The lint rule (ruff banned-api per room) says it early; this test says it of what is really imported.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("connectors", "mastering", "expectations", "store")

#: room -> what it may import of the project, beside itself.
CONTRACTS = {
    "connectors.errors",
    "connectors.contract",
    "connectors.interface",
    "connectors.network",
    "connectors.yaml_file",
    "expectations.promise",
    "expectations.ddl",
}
ALLOWED: dict[str, set[str]] = {
    "connectors": set(),
    "mastering": {"connectors.errors", "connectors.yaml_file"},
    "expectations": {"connectors.errors", "connectors.yaml_file"},
    "store": CONTRACTS,
    "sample_network": {"connectors.errors"},
    "assets": {"connectors", "mastering", "expectations", "store"},
}
OWN = {*ALLOWED, "pipelines"}


def imported_modules(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file it does."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def trespasses(room: str) -> list[str]:
    """`file imports module` for each import that the room may not make."""
    allowed = ALLOWED[room]
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / room).rglob("*.py"))
        for module in sorted(imported_modules(path))
        if module.split(".")[0] in OWN - {room}
        and not any(module == name or module.startswith(f"{name}.") for name in allowed)
    ]


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_it_may(room: str) -> None:
    assert trespasses(room) == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_never_imports_dagster(room: str) -> None:
    wrong = [p for p in (ROOT / room).rglob("*.py") if any(m.split(".")[0] == "dagster" for m in imported_modules(p))]
    assert wrong == []


def test_loading_every_room_brings_no_dagster_and_no_great_expectations() -> None:
    """Great Expectations costs seconds to import: a sync without changes must not pay for it."""
    modules = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if path.name != "__init__.py" and not path.name.startswith("gx_")
    )
    assert len(modules) > 10
    code = f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
    code += "print(sorted({'dagster', 'great_expectations'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_lint_rule_bans_dagster_in_every_room() -> None:
    for room in ROOMS:
        rule = (ROOT / room / "ruff.toml").read_text("utf-8")
        assert "banned-api" in rule
        assert "dagster.msg" in rule
