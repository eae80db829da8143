"""The domain files: what they say, and where a wrong one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import ConfigurationError
from mastering.rules import Compare, load_domain, load_domains
from tests.mastering.world import DOMAINS

GOOD = """\
domain: thing
surrogate: thing_sk
description: a thing
attributes:
  name: {type: VARCHAR, description: name}
  type: {type: VARCHAR, description: type}
identifiers:
  code: {description: code}
"""


def written(folder: Path, text: str, name: str = "thing") -> Path:
    path = folder / f"{name}.yml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("aliases", "told"),
    [
        ({"BECTON DICKINSON": ("BD",), "BRAUN": ("B. D.", "BBRAUN")}, "BD"),
        ({"BECTON DICKINSON": ("BD",), "BD": ("B-D",)}, "BD"),
    ],
)
def test_an_alias_stands_for_one_name(aliases: dict[str, tuple[str, ...]], told: str) -> None:
    maker = DOMAINS["item"].matching
    assert maker is not None
    given = maker.compare["mfr_name"].model_dump() | {"aliases": aliases}
    with pytest.raises(ValueError, match=f"{told}: an alias stands for one name"):
        Compare.model_validate(given)


def test_the_domains_of_the_product_are_sound() -> None:
    assert list(DOMAINS) == ["contract", "cost_centre", "gl_account", "item", "location", "supplier"]
    assert DOMAINS["item"].published == {"gtin": "gtin14", "udi_di": "udi_di", "ndc": "ndc11"}
    assert DOMAINS["item"].references == {"superseded_by_item_key": "superseded_by_item_sk"}
    assert DOMAINS["supplier"].identifiers["tax_id"].secret
    assert DOMAINS["supplier"].golden_columns["norm_name"] == "VARCHAR"
    assert DOMAINS["location"].scope_attributes == {"type"}
    assert DOMAINS["item"].identifiers["supplier_part"].scope == "supplier"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (GOOD + "colour: red\n", ":9:1", "Extra inputs"),
        (GOOD.replace("{description: code}", "{description: code, max_fanout: 1}"), ":8:29", "greater than or equal"),
        (GOOD.replace("type: VARCHAR, description: name", "type: FLOAT, description: name"), ":5:10", "pattern"),
        (GOOD.replace("code: {", "isbn: {"), ":1:1", "no scheme isbn"),
        (GOOD + "published: {ean: ean}\n", ":1:1", "ean is not known"),
        (GOOD + "published: {code: name}\n", ":1:1", "name is taken already"),
        (GOOD + "derived: {x: {from: name, function: shout, description: d}}\n", ":1:1", "shout is not known"),
        (GOOD + "survivorship: {default: [{systems: [a], sources: [b]}]}\n", ":9:26", "either systems or sources"),
        (
            GOOD + "survivorship: {default: [{systems: [a], from: 2026-02-01, to: 2026-01-01}]}\n",
            ":9:26",
            "from must be before to",
        ),
        (
            GOOD + "survivorship: {default: [{systems: [a], scope: {type: bin}}]}\n",
            ":1:1",
            "is a scope, so its own list takes no scope",
        ),
        (GOOD.replace("{description: code}", "{description: code, scope: other}"), ":8:3", "scoped and scope"),
        (GOOD + "attributes: [\n", ":10:1", "not valid YAML"),
    ],
)
def test_an_error_is_at_its_place(tmp_path: Path, text: str, place: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load_domain(path)
    assert caught.value.location == f"{path}{place}"
    assert message in caught.value.message


def test_a_file_is_named_after_its_domain(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Rename the file to thing\.yml"):
        load_domain(written(tmp_path, GOOD, "stuff"))


def test_a_reference_needs_its_domain(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("description: name}", "description: name, references: supplier}"))
    with pytest.raises(ConfigurationError, match="refers to the domain supplier"):
        load_domains(tmp_path)
