"""Reading a YAML file of ours: fast when it is right, with file:line:column when it is not.

Here: parsing and places, for every room that is configured by YAML. Not here: what a file may say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

from connectors.errors import ConfigurationError

_HINT = "Correct the file at this place; a YAML file of Concord is `key: value` lines in UTF-8, each key once"
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc] # the C loader where PyYAML was built with it
    """Safe loading that refuses a key given twice, and keeps dates and times as text."""


def _mapping(loader: Any, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: ANN401 - see _Base
    loader.flatten_mapping(node)
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool | None):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain text", key_node.start_mark)
        if key in found:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is there twice", key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


def load_yaml(path: Path) -> dict[str, Any]:
    """The file's mapping. Raises ConfigurationError with its place where it is no YAML, or no mapping."""
    try:
        document = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - _Loader is a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else f"{path}:1:1"
        raise ConfigurationError(f"not valid YAML: {error.problem}", location=place, hint=_HINT) from error
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read: {error}", location=f"{path}:1:1", hint=_HINT) from error
    if not isinstance(document, dict):
        raise ConfigurationError("the file is not a YAML mapping", location=f"{path}:1:1", hint=_HINT)
    return document


def place_of(path: Path, where: Sequence[str | int]) -> tuple[int, int]:
    """1-based line and column of the deepest part of `where` (keys and list indexes) that the file has."""
    try:
        node: Any = YAML(typ="rt").load(path.read_text("utf-8"))
    except MarkedYAMLError:
        return (1, 1)
    place = (1, 1)
    for part in where:
        try:
            line, column = node.lc.key(part) if isinstance(node, CommentedMap) else node.lc.item(part)
            node = node[part]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
        place = (line + 1, column + 1)
    return place


def has(node: object, part: str | int) -> bool:
    """Whether a node of a document has that key or index."""
    if isinstance(node, Mapping):
        return part in node
    return isinstance(node, list) and isinstance(part, int) and part < len(node)
