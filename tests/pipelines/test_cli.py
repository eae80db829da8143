"""The `concord` command as a user types it: help, and mistakes that end in one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from pipelines import cli
from pipelines.quarantine import line
from store.quarantine import WAIVABLE, advice
from tests.end_to_end.harness import Home


def commands() -> Iterator[tuple[str, ...]]:
    """Every subcommand, as words."""
    for command in cli.app.registered_commands:
        assert command.callback is not None
        yield (command.name or command.callback.__name__,)
    for group in cli.app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            yield (str(group.name), str(command.name))


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_has_an_example_that_begins_with_itself(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        typer.main.get_command(cli.app).main([*words, "--help"], prog_name="concord")
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"concord {' '.join(words)}" in shown.split("Examples:")[1]


def test_a_list_of_fewer_than_no_cases_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """It cut the last cases off without a word."""
    with pytest.raises(SystemExit) as ended:
        typer.main.get_command(cli.app).main(["steward", "list", "--limit", "-1"], prog_name="concord")
    assert ended.value.code == 2
    assert "--limit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("quarantine", "list"), "nothing was synced here yet"),
        (("quarantine", "list", "--feed", "nowhere.stock"), "there is no feed 'nowhere.stock' in the network small"),
        (("quarantine", "show", "0123456789abcdef"), "nothing was synced here yet"),
        (("quarantine", "replay", "legacy_erp"), "there is no feed 'legacy_erp' in the network small"),
        (("quarantine", "waive", "x", "--reason", "y", "--who", "z"), "nothing was synced here yet"),
        (("query", "SELECT 1"), "nothing has been published yet"),
        (("explain", "dim_item", "1"), "nothing has been published yet"),
        (("rollback", "7"), "there is no version 7"),
        (("sync", "--cadence", "weekly"), "cadence is one of nightly, hourly, not 'weekly'"),
        (("sync", "--network", "elsewhere"), "there is no network 'elsewhere'"),
        (("feeds", "list", "--network", "elsewhere"), "Known networks: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line_and_leaves_nothing_behind(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = Home(tmp_path / "home").run(*words, check=1)
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / "working.duckdb").exists()


def test_what_sources_wrote_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    line(Console(), "\nvalue  \x1b]0;owned\x07 [red]x[/red] \r gone")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert "[red]x[/red]" in shown


def test_every_kind_of_refusal_says_what_to_do() -> None:
    assert all("waive its id" in advice(rule) for rule in WAIVABLE | {"totals.qty"})
    assert "lookup" in advice("lookup.miss")
    assert advice("x12.se_count") != advice("type.date") == advice("text.nul")
    assert "correct the contract" in advice("contract.violation") == advice("something.new")
