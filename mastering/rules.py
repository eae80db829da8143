"""`DomainRules`: what one master domain is and who decides its values (`mastering/domains/<domain>.yml`).

Here: the model, its own consistency rules, loading with file:line:column errors. Not here: applying the
rules (`mastering.identity`, `mastering.survivorship`), normalising identifiers (`mastering.identifiers`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from connectors.errors import ConfigurationError
from connectors.yaml_file import load_yaml, place_of
from mastering.derive import DERIVATIONS
from mastering.identifiers import SCHEMES

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
_TYPES = re.compile(r"^(VARCHAR|BOOLEAN|SMALLINT|INTEGER|BIGINT|DATE|TIMESTAMPTZ|DECIMAL\(\d{1,2},\d{1,2}\))$")


class Model(BaseModel):
    """Base of every YAML model here: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Attribute(Model):
    """One attribute of a golden record.

    `references`: the value is a source key of that domain in the same source; the golden table has a column
    with the golden id beside it (`parent_location_key` -> `parent_location_sk`).
    `of_site`: the intake fills it for a source that belongs to one facility (`store.intake`).
    `of_record`: it names the record, not the thing (a number, the name of a remit-to address): records of one source
    that are one thing differ in it by nature, so the first of them gives it and nobody is asked.
    """

    type: str = Field(pattern=_TYPES.pattern)
    description: str = Field(min_length=1)
    references: Name | None = None
    of_site: Literal["facility", "timezone"] | None = None
    of_record: bool = False


class Identifier(Model):
    """One identifying attribute; their order in the file is the order in which they decide.

    `scheme`: its normaliser in `mastering.identifiers` (the identifier's own name by default).
    `strength`: strong and scoped link records of equal value; never only speaks against (see `veto`).
    `namespace`: identifiers of one namespace are compared with each other (a GS1 UDI-DI is a GTIN).
    `veto`: records with two different valid values are never the same.
    `max_per_source`, `max_fanout`: a value on more live records of one source, or of all sources together, is
    poisoned: it links nothing and is a finding. Of all sources together it may be on more where these have it about
    once each (three records in two sources at most).
    `scope`: the value begins with a source key of that domain (`key|part`), compared by its golden id.
    `secret`: only a keyed hash of the value is ever stored.
    `of_owner`: the value names the record of the same source that this one is part of (the vendor of a remit-to).
    Who has one does not count for the limits of other values.
    """

    description: str = Field(min_length=1)
    scheme: Name | None = None
    strength: Literal["strong", "scoped", "never"] = "strong"
    namespace: Name | None = None
    veto: bool = False
    max_per_source: int = Field(default=2, ge=1)
    max_fanout: int = Field(default=25, ge=2)
    scope: Name | None = None
    secret: bool = False
    of_owner: bool = False

    @model_validator(mode="after")
    def _scope_and_strength_agree(self) -> Identifier:
        if (self.scope is not None) != (self.strength == "scoped"):
            raise ValueError("strength scoped and scope go together")
        return self


class SystemOfRecord(Model):
    """One entry of an attribute's list: while it applies, its sources go before those of later entries.

    `systems` (feed packs) or `sources` (installed systems), in order of precedence. `from` / `to`: first day
    and the day after the last, at 00:00 UTC. `scope`: applies only to golden records with these attribute
    values. `max_age_hours`: a value that its source last confirmed so long ago, or longer, is passed over.
    """

    systems: tuple[Name, ...] = ()
    sources: tuple[Name, ...] = ()
    from_: date | None = Field(default=None, alias="from")
    to: date | None = None
    scope: dict[Name, str] = Field(default_factory=dict)
    max_age_hours: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _makes_sense(self) -> SystemOfRecord:
        if bool(self.systems) == bool(self.sources):
            raise ValueError("give either systems or sources")
        if self.from_ and self.to and self.from_ >= self.to:
            raise ValueError("from must be before to")
        if len(self.scope) > 1:
            raise ValueError("scope takes one attribute")
        return self


class KeyReuse(Model):
    """When a source seems to use a key for another thing: `at_least` so many of the named attributes and identifiers,
    of those stated before and after, become wholly other ones at one moment."""

    attributes: tuple[Name, ...] = Field(min_length=2)
    at_least: int = Field(ge=2)

    @model_validator(mode="after")
    def _can_be_met(self) -> KeyReuse:
        if self.at_least > len(set(self.attributes)):
            raise ValueError("at_least is more than there are attributes")
        return self


class Identity(Model):
    """How records become one. `precedence`: systems, most senior first; the rest follow by name.

    `reference_systems`: systems whose records refer to things (EDI) and never make a golden record.
    `one_per_source`: a source has no duplicates, so two live records of one source are never the same.
    `complete`: systems that list everything there is; what none of them has is a finding, unless people are asked
    about it anyway. `key_reuse`: which records are asked about because their key seems to mean something else now.
    """

    precedence: tuple[Name, ...] = ()
    reference_systems: tuple[Name, ...] = ()
    complete: tuple[Name, ...] = ()
    one_per_source: bool = False
    key_reuse: KeyReuse | None = None


class Survivorship(Model):
    """Whose value wins. `default` is for attributes without a list of their own in `attributes`; after the list
    comes `identity.precedence`, then recency, agreement and the value's text."""

    default: tuple[SystemOfRecord, ...] = ()
    attributes: dict[Name, tuple[SystemOfRecord, ...]] = Field(default_factory=dict)


class Derived(Model):
    """A golden column computed from another one by a function of `mastering.derive`."""

    from_: Name = Field(alias="from")
    function: Name
    description: str = Field(min_length=1)


def plain(text: str) -> str:
    """The letters and digits of a name, in capitals."""
    return re.sub(r"[^0-9A-Z]+", "", text.upper())


class Compare(Model):
    """One thing that two records are compared by, worth bits (log2 of how much likelier it is where they are the same).

    `kind`: words (likeness of texts: `bits` by cosine, straight lines between), code (part numbers: `agree`, less where
    many records have it; `differ`), exact and digits (`agree`, `differ`; digits: the last ten), numbers (`differ` where
    each text has a number that the other has not, `agree` where all are the same). `shared`: further bits of words, by
    how much the words say that both texts have (the root of likeness and of what each text says; one word that hardly
    anybody has says 12). `common`: bits where one of the texts stands, word for word, on more than four records: it
    names a family. `apart`: bits by how many words each text has that the other has not (0, 1 ...; the last: or more),
    where `within` agrees. None of the three counts where a part number agrees. `of`: attributes or identifiers
    that it reads (its own name by default). `codes_in`: texts in which a code may stand, too. `within`: comparisons
    that narrow common words when candidates are looked for. `veto`: where they differ, no score makes them the same by
    itself. `key`: whether it
    brings candidates. `rarity`: rare words weigh more (not so where they are typing errors of a few names).
    `ignore`, `instead`: words left out, words written in one way. `aliases`: names of words -> other whole texts that
    mean the same (BECTON DICKINSON: [BD, CR BARD]); how they are written, and what is ignored, makes no difference.
    """

    kind: Literal["words", "code", "exact", "digits", "numbers"]
    of: tuple[Name, ...] = ()
    codes_in: tuple[Name, ...] = ()
    within: tuple[Name, ...] = ()
    bits: dict[float, float] = Field(default_factory=dict)
    shared: dict[float, float] = Field(default_factory=dict)
    common: float = Field(default=0, le=0)
    apart: dict[int, float] = Field(default_factory=dict)
    agree: float = 0
    differ: float = 0
    key: bool = True
    veto: bool = False
    rarity: bool = True
    ignore: tuple[str, ...] = ()
    instead: dict[str, str] = Field(default_factory=dict)
    aliases: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _an_alias_means_one_thing(self) -> Compare:
        if self.aliases and (self.kind != "words" or len(self.of) > 1):
            raise ValueError("only words of one column have aliases")
        others = [plain(alias) for names in self.aliases.values() for alias in names]
        twice = {
            alias for alias in others if others.count(alias) > 1 or alias in {plain(name) for name in self.aliases}
        }
        if twice:
            raise ValueError(f"{', '.join(sorted(twice))}: an alias stands for one name, and that is no alias itself")
        return self

    @model_validator(mode="after")
    def _bits_belong_to_words(self) -> Compare:
        if (self.kind == "words") != bool(self.bits):
            raise ValueError("words have bits, the other kinds agree and differ")
        if self.kind != "words" and (self.shared or self.common or self.apart):
            raise ValueError("only words have shared, common and apart")
        if sorted(self.apart) != list(range(len(self.apart))):
            raise ValueError("apart has bits for 0, 1, 2 ... words")
        return self


class Matching(Model):
    """How records are matched that no identifier joins. Points are sums of bits.

    `same`: from here on two records are one, if no rival comes nearer than `margin`. `ask`: from here on a person is
    asked. `same_one_to_one`: in place of `same` where sources have no duplicates (`identity.one_per_source`).
    `measures_in`: texts whose sizes, sides and sterility must not contradict each other.
    `max_holders`: a word or code on more records is no reason to compare them.
    """

    compare: dict[Name, Compare] = Field(min_length=1)
    measures_in: tuple[Name, ...] = ()
    same: float
    ask: float
    margin: float = Field(ge=0)
    same_one_to_one: float
    max_holders: int = Field(default=64, ge=4, le=1024)

    @model_validator(mode="after")
    def _ask_comes_first(self) -> Matching:
        if self.ask > self.same:
            raise ValueError("ask must not be greater than same")
        return self

    @property
    def read(self) -> frozenset[str]:
        """Attributes and identifiers that matching reads."""
        named = [name for key, one in self.compare.items() for name in (*(one.of or (key,)), *one.codes_in)]
        return frozenset((*named, *self.measures_in))


class WhenDeleted(Model):
    """What a golden record says when every source has deleted it (its other values stay as they were)."""

    attribute: Name
    value: str


class DomainRules(Model):
    """Everything one domain file says. `published`: identifier -> golden column of its winning valid value."""

    domain: Name
    surrogate: Name
    description: str = Field(min_length=1)
    attributes: dict[Name, Attribute] = Field(min_length=1)
    identifiers: dict[Name, Identifier] = Field(default_factory=dict)
    published: dict[Name, Name] = Field(default_factory=dict)
    derived: dict[Name, Derived] = Field(default_factory=dict)
    identity: Identity = Identity()
    survivorship: Survivorship = Survivorship()
    when_deleted: WhenDeleted | None = None
    matching: Matching | None = None

    @model_validator(mode="after")
    def _names_agree(self) -> DomainRules:
        for what, problem in self._problems():
            if problem:
                raise ValueError(f"{what}: {problem}")
        return self

    def _problems(self) -> Iterator[tuple[str, str]]:
        both = set(self.attributes) & set(self.identifiers)
        yield "identifiers", f"{', '.join(sorted(both))} is an attribute too" if both else ""
        for name, one in self.identifiers.items():
            known = (one.scheme or name) in SCHEMES
            yield f"identifiers.{name}", "" if known else f"no scheme {one.scheme or name}; known: {', '.join(SCHEMES)}"
        yield "published", _unknown(self.published, self.identifiers)
        yield "published", _unknown(self.published.values(), (), wanted=False, against=self.attributes)
        yield "survivorship.attributes", _unknown(self.survivorship.attributes, self.survivable)
        for name, derived in self.derived.items():
            yield (
                f"derived.{name}",
                _unknown([derived.from_], self.attributes) or _unknown([derived.function], DERIVATIONS),
            )
        if self.identity.key_reuse:
            yield "identity.key_reuse", _unknown(self.identity.key_reuse.attributes, self.columns)
        if self.when_deleted:
            yield "when_deleted", _unknown([self.when_deleted.attribute], self.attributes)
        if self.matching:
            yield "matching", _unknown(self.matching.read, self.columns)
            for name, compared in self.matching.compare.items():
                yield f"matching.compare.{name}.within", _unknown(compared.within, self.matching.compare)
        yield from self._scope_problems()

    def _scope_problems(self) -> Iterator[tuple[str, str]]:
        for name in sorted(self.scope_attributes):
            yield "scope", _unknown([name], self.attributes)
            scoped = any(entry.scope for entry in self.entries(name))
            yield f"survivorship.attributes.{name}", "is a scope, so its own list takes no scope" if scoped else ""

    @property
    def survivable(self) -> tuple[str, ...]:
        """Attributes and published identifiers: what has a winning value."""
        return (*self.attributes, *self.published)

    @property
    def scope_attributes(self) -> frozenset[str]:
        """Attributes that a system-of-record entry looks at."""
        lists = (self.survivorship.default, *self.survivorship.attributes.values())
        return frozenset(name for entries in lists for entry in entries for name in entry.scope)

    def entries(self, attribute: str) -> tuple[SystemOfRecord, ...]:
        """The system-of-record list of an attribute, its own or the default."""
        return self.survivorship.attributes.get(attribute, self.survivorship.default)

    def namespace(self, identifier: str) -> str:
        """Namespace in which values of the identifier are compared."""
        return self.identifiers[identifier].namespace or identifier

    @property
    def columns(self) -> tuple[str, ...]:
        """The intake columns of the domain."""
        return (*self.attributes, *self.identifiers)

    @property
    def references(self) -> dict[str, str]:
        """Reference attribute -> golden column of the id it names."""
        return {
            name: f"{name.removesuffix('_key')}_sk"
            for name, one in self.attributes.items()
            if one.references is not None
        }

    @property
    def golden_columns(self) -> dict[str, str]:
        """Column -> DuckDB type of the golden table, between the surrogate and valid_from."""
        columns = {name: one.type for name, one in self.attributes.items()}
        columns |= dict.fromkeys(self.references.values(), "BIGINT")
        columns |= dict.fromkeys(self.published.values(), "VARCHAR")
        return columns | dict.fromkeys(self.derived, "VARCHAR")


def _unknown(
    names: Any,  # noqa: ANN401 - any iterable of names
    known: Any,  # noqa: ANN401
    *,
    wanted: bool = True,
    against: Mapping[str, object] | None = None,
) -> str:
    """What is wrong with `names`: not among `known`, or (wanted=False) taken already in `against`."""
    wrong = sorted(n for n in names if (n not in known if wanted else n in (against or {})))
    return "" if not wrong else f"{', '.join(wrong)} is {'not known' if wanted else 'taken already'}"


# -- loading ---------------------------------------------------------------------------------------------


def load_domains(folder: Path) -> dict[str, DomainRules]:
    """Every `<domain>.yml` of `folder`, by domain, sorted.

    Raises ConfigurationError (location file:line:column, key the YAML path) at the first file that is wrong, or
    where an attribute or identifier refers to a domain that has no file.
    """
    paths = sorted(folder.glob("*.yml"))
    domains = {path.stem: load_domain(path) for path in paths}
    for path in paths:
        rules = domains[path.stem]
        named = {a.references for a in rules.attributes.values()} | {i.scope for i in rules.identifiers.values()}
        missing = sorted(name for name in named if name is not None and name not in domains)
        if missing:
            raise ConfigurationError(
                f"refers to the domain {', '.join(missing)}, which has no file", location=f"{path}:1:1"
            )
    return domains


def load_domain(path: Path) -> DomainRules:
    """One domain file. Raises ConfigurationError as `load_domains` does."""
    data = load_yaml(path)
    try:
        rules = DomainRules.model_validate(data)
    except ValidationError as error:
        raise _located(path, error) from error
    if rules.domain != path.stem:
        raise ConfigurationError(
            f"domain {rules.domain!r} is in a file of another name",
            location=f"{path}:1:1",
            hint=f"Rename the file to {rules.domain}.yml",
        )
    return rules


def _located(path: Path, error: ValidationError) -> ConfigurationError:
    first = error.errors()[0]
    line, column = place_of(path, first["loc"])
    return ConfigurationError(
        first["msg"],
        location=f"{path}:{line}:{column}",
        key=".".join(str(part) for part in first["loc"]) or None,
        hint="The keys of a domain file are described in docs/mastering.md",
    )
