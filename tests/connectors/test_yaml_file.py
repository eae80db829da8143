"""Reading our own YAML: keys once, times as text, places of anything in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from connectors.yaml_file import has, load_yaml, place_of

TEXT = """\
a: 1
list:
  - {x: 1, y: 2}
  - x: 3
    deep: [p, q]
"quoted key": v
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f.yml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ((), (1, 1)),
        (("a",), (1, 1)),
        (("list", 0), (3, 5)),
        (("list", 0, "y"), (3, 12)),
        (("list", 1, "deep", 1), (5, 15)),
        (("quoted key",), (6, 1)),
        (("list", 1, "missing"), (4, 5)),
        (("list", 7), (2, 1)),
        (("missing", "below"), (1, 1)),
        (("a", "below"), (1, 1)),
    ],
)
def test_the_deepest_part_that_is_there_has_the_place(
    file: Path, where: tuple[str | int, ...], place: tuple[int, int]
) -> None:
    assert place_of(file, where) == place


def test_dates_and_times_stay_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "f.yml"
    path.write_text("day: 2026-01-09\nmoment: 2026-01-09T10:00:00Z\nclock: '06:30'\n")
    assert load_yaml(path) == {"day": "2026-01-09", "moment": "2026-01-09T10:00:00Z", "clock": "06:30"}


def test_a_mapping_may_take_over_another_ones_keys(tmp_path: Path) -> None:
    path = tmp_path / "f.yml"
    path.write_text("base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  z: 3\n")
    assert load_yaml(path)["own"] == {"x": 1, "y": 2, "z": 3}


def test_aliases_of_aliases_take_no_room(tmp_path: Path) -> None:
    """A bomb of aliases stays small: an alias is the same object, not a copy."""
    path = tmp_path / "f.yml"
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 40)]
    path.write_text("\n".join(lines))
    assert len(load_yaml(path)["a39"]) == 10


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        load_yaml(tmp_path / "none.yml")
    assert caught.value.location == f"{tmp_path / 'none.yml'}:1:1"


def test_has() -> None:
    assert has({"a": 1}, "a")
    assert not has({"a": 1}, "b")
    assert has(["x"], 0)
    assert not has(["x"], 1)
    assert not has(["x"], "0")
    assert not has("text", 0)
