"""Follows docs/add-a-feed.md to the letter: its files are written, its commands run, its results compared.

The page and this test cannot drift apart. The set-up commands (`make sync`, activating the environment) are run as
`concord sync`, in a copy of the project's feeds and networks.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.harness import ROOT, Home
from tests.feeds.page import Step, steps

PAGE = ROOT / "docs" / "add-a-feed.md"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder of one's own: the feeds and networks of the repository."""
    for name in ("feeds", "networks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def arguments(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """What to give to `concord`; None for what only prepares a shell."""
    if words == ("make", "sync"):
        return ("sync",)
    if words[0] == "source":
        return None
    assert words[0] == "concord", words
    return words[1:]


def test_a_new_user_adds_a_feed_with_one_yaml_file(project: Path) -> None:
    home = Home(project / "var", env={"CONCORD_PROJECT": str(project)})
    printed = ""
    files = [step.name for step in steps(PAGE) if step.kind == "file"]
    assert [Path(name).suffix for name in files].count(".yml") == 1
    assert not [name for name in files if name.endswith(".py")]
    for step in steps(PAGE):
        printed = follow(step, home, project, printed)
    assert "line 5" in printed
    assert "02/30/2027" in printed


def follow(step: Step, home: Home, project: Path, printed: str) -> str:
    """Do one step; returns what the last command printed."""
    if step.kind == "file":
        target = project / step.name
        assert target.parent.is_dir(), f"the page writes into {target.parent}, which is not there"
        target.write_text(step.text, "utf-8")
    elif step.kind == "result":
        assert printed.replace("\r\n", "\n") == step.text
    elif (words := arguments(step.words)) is not None:
        return home.run(*words).stdout
    return printed
