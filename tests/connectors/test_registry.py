"""Which connector a contract gets, and where its source is looked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.catalogue import load_contract
from connectors.contract import FeedContract
from connectors.database import DatabaseConnector
from connectors.delimited import DelimitedConnector
from connectors.errors import ConfigurationError
from connectors.interface import FeedState
from connectors.network import Source, resolve_location, resolve_url
from connectors.registry import connector_for
from connectors.x12 import X12Connector
from tests.connectors.csv_files import contract

TABLE = {"transport": {"kind": "database", "table": "t"}, "format": {"kind": "table"}}
X12 = load_contract(Path(__file__).resolve().parents[2] / "feeds/edi/x12.yml").model_dump(
    mode="json", exclude_unset=True
)


def _feed(changes: dict[str, Any]) -> FeedContract:
    return FeedContract.model_validate(contract().model_dump(mode="json", exclude_unset=True) | changes)


def _connector(changes: dict[str, Any], tmp_path: Path, **source: Any) -> object:
    given = Source(system="probe", **source)
    return connector_for(_feed(changes), "lab", given, network_dir=tmp_path / "networks", home=tmp_path / "home")


def test_the_format_chooses(tmp_path: Path) -> None:
    assert isinstance(_connector({}, tmp_path, location="x"), DelimitedConnector)
    assert isinstance(_connector(X12, tmp_path, location="x"), X12Connector)
    assert isinstance(_connector(TABLE, tmp_path, url="sqlite:///x.sqlite"), DatabaseConnector)


def test_files_are_found_below_the_home(tmp_path: Path) -> None:
    folder = tmp_path / "home" / "extracts"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("item,note,qty\n")
    found = _connector({}, tmp_path, location="home:extracts")
    assert isinstance(found, DelimitedConnector)
    assert [offer.name for offer in found.discover(FeedState(), sweep=False)] == ["a.csv"]


@pytest.mark.parametrize(("changes", "key"), [({}, "location"), (X12, "location"), (TABLE, "url")])
def test_a_source_without_a_place_says_which_key_is_missing(tmp_path: Path, changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"source lab has no {key}") as caught:
        _connector(changes, tmp_path)
    assert caught.value.key == key
    assert caught.value.hint


@pytest.mark.parametrize(("changes", "key"), [({}, "location"), (TABLE, "url")])
def test_an_unset_variable_is_named(
    tmp_path: Path, changes: dict[str, Any], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_PLACE", raising=False)
    with pytest.raises(ConfigurationError, match="LAB_PLACE is not set") as caught:
        _connector(changes, tmp_path, **{key: "env:LAB_PLACE"})
    assert "LAB_PLACE" in str(caught.value.hint)


def test_locations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    networks, home = tmp_path / "networks", tmp_path / "home"
    monkeypatch.setenv("LAB_PLACE", "/mnt/lab")

    def found(location: str) -> Path:
        return resolve_location(location, network_dir=networks, home=home)

    assert found("home:a/b") == home / "a/b"
    assert found("../extracts") == tmp_path / "extracts"
    assert found("/srv/extracts") == Path("/srv/extracts")
    assert found("env:LAB_PLACE") == Path("/mnt/lab")


def test_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    networks, home = tmp_path / "networks", tmp_path / "home"
    monkeypatch.setenv("LAB_URL", "postgresql://u:p@db/x")

    def found(url: str) -> str:
        return resolve_url(url, network_dir=networks, home=home)

    assert found("env:LAB_URL") == "postgresql://u:p@db/x"
    assert found("home:erp.sqlite") == f"sqlite:///{home}/erp.sqlite"
    assert found("sqlite:///erp.sqlite") == f"sqlite:///{networks}/erp.sqlite"
    assert found("sqlite:////srv/erp.sqlite") == "sqlite:////srv/erp.sqlite"
    assert found("postgresql://reader@db/x") == "postgresql://reader@db/x"
