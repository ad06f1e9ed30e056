"""The policy: which meetings Webex is to record by itself, and which are ingested at all."""

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)


class ScheduledType(StrEnum):
    """What kind of meeting it is, in Webex's words for ``scheduledType``."""

    MEETING = "meeting"
    WEBINAR = "webinar"
    PERSONAL_ROOM = "personalRoomMeeting"


class Matter(StrEnum):
    """What a policy decides about a meeting."""

    RECORD = "record"
    INGEST = "ingest"


@dataclass(frozen=True, slots=True)
class Subject:
    """What rules look at; None where it is not known."""

    host_email: str | None
    title: str | None
    scheduled_type: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says, and the rule that says so; ``rule`` is a phrase for people."""

    wanted: bool
    rule: str


Pattern = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


_BYTE_ORDER_MARK = "\ufeff"

_SAID = {
    "extra_forbidden": "there is no such word in a policy",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_type": "must be a text",
}
"""What pydantic says in Python's words, in those of the file."""


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_several)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class Rule(_Table):
    """Whom it is about, and what it says; what it leaves out holds for all, or is not decided."""

    name: str = ""
    hosts: Patterns | None = Field(default=None, min_length=1)
    titles: Patterns | None = Field(default=None, min_length=1)
    types: Annotated[tuple[ScheduledType, ...], BeforeValidator(_several)] | None = Field(
        default=None, min_length=1
    )
    record: bool | None = Field(default=None, strict=True)
    ingest: bool | None = Field(default=None, strict=True)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.record is None and self.ingest is None:
            raise ValueError("must say `record = …` or `ingest = …`")
        return self


class Policy(_Table):
    """Rules in order: of each matter the first one that fits and speaks of it decides.

    Without such a rule nothing is set to be recorded, and everything is ingested.
    """

    record: bool = Field(default=False, strict=True)
    ingest: bool = Field(default=True, strict=True)
    groups: dict[str, Annotated[Patterns, Field(min_length=1)]] = {}
    rules: tuple[Rule, ...] = ()

    @classmethod
    def read(cls, text: str) -> "Policy":
        """Read a policy in TOML; ValueError says in one line what is wrong, and where."""
        try:
            return cls.model_validate(tomllib.loads(text.removeprefix(_BYTE_ORDER_MARK)))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"is no TOML: {error}") from None
        except ValidationError as error:
            raise ValueError(_plain(error)) from None

    @model_validator(mode="after")
    def _groups_are_known(self) -> Self:
        for name, entries in self.groups.items():
            for each in entries:
                if "@" not in each and each != "*":
                    raise ValueError(f"groups: {name}: {each} is no address")
        for number, rule in enumerate(self.rules, start=1):
            for each in rule.hosts or ():
                if "@" not in each and each != "*" and each not in self.groups:
                    raise ValueError(
                        f"rule {number}: hosts: {each} is neither an address nor one of [groups]"
                    )
        return self

    @property
    def switches_on(self) -> bool:
        """Whether any meeting could be set to be recorded."""
        return self.record or any(rule.record for rule in self.rules)

    @property
    def excludes(self) -> bool:
        """Whether any meeting could be left out."""
        return not self.ingest or any(rule.ingest is False for rule in self.rules)

    @property
    def asks_for_types(self) -> bool:
        """Whether any rule looks at what kind of meeting it is."""
        return any(rule.types for rule in self.rules)

    def decide(self, matter: Matter, subject: Subject) -> Decision:
        """What holds for one meeting; what is not known of it is held against it.

        A rule that asks for something unknown fits where it says no, and else does not: nothing is
        switched on or ingested that might have been forbidden.
        """
        for number, rule in enumerate(self.rules, start=1):
            said = getattr(rule, matter)
            fits = self._fits(rule, subject) if said is not None else False
            if fits or (fits is None and said is False):
                name = f" ({rule.name})" if rule.name else ""
                doubt = "" if fits else ", as Webex does not tell all that it asks for"
                return Decision(said, f"rule {number}{name}{doubt}")
        return Decision(getattr(self, matter), "no rule fits it")

    def named_hosts(self) -> list[str]:
        """The addresses that rules name one by one, for whoever can only ask host by host."""
        named = {
            each
            for rule in self.rules
            for pattern in rule.hosts or ()
            for each in self.groups.get(pattern, (pattern,))
        }
        return sorted(each for each in named if "@" in each and "*" not in each)

    def _fits(self, rule: Rule, subject: Subject) -> bool | None:
        """Whether a rule is about a meeting; None where that depends on something unknown."""
        hosts = None
        if rule.hosts is not None:
            hosts = [each for entry in rule.hosts for each in self.groups.get(entry, (entry,))]
        answers = (
            _matches(subject.host_email, hosts),
            _matches(subject.title, rule.titles),
            _matches(subject.scheduled_type, rule.types),
        )
        if False in answers:
            return False
        return None if None in answers else True


def _matches(text: str | None, patterns: Sequence[str] | None) -> bool | None:
    if patterns is None:
        return True
    if text is None:
        return None
    plain = _plain_text(text)
    return any(_pattern(each).fullmatch(plain) for each in patterns)


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    parts = _plain_text(pattern).split("*")
    return re.compile(".*".join(map(re.escape, parts)), re.DOTALL)


def _plain_text(text: str) -> str:
    """Text as it is compared: whatever its capitals, and however its accents are written."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _plain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ": ".join(_places(first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    message = _SAID.get(first["type"]) or message.replace("Input should", "must")
    return f"{place}: {message}" if place else message


def _places(loc: tuple[int | str, ...]) -> list[str]:
    """Where an error is, as a writer of the file counts."""
    match loc:
        case ("rules", int(number), *rest):
            return [f"rule {number + 1}", *_places(tuple(rest))]
        case (str(name), int(number), *_):
            return [name, f"entry {number + 1}"]
        case _:
            return [str(each) for each in loc]
