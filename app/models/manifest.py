"""A meeting's manifest as it is read, each field as it must be to make rows of it."""

import unicodedata
from collections import Counter
from datetime import datetime
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    ValidationError,
    model_validator,
)

from app.errors import FolderRefused
from app.models.times import parse_time
from app.models.webex import Id, is_meeting_id
from app.models.words import Kind, Priority, Reason, Resource, State

MANIFEST = "manifest.json"
"""Its name in the folder of each meeting."""


def _time(value: Any) -> datetime | None:
    time = parse_time(value)
    if time is None and value is not None:
        raise ValueError("no time")
    return time


def _meeting_id(value: str) -> str:
    if not is_meeting_id(value) or value.startswith("."):
        raise ValueError("no id of a meeting")
    return value


def _path(value: str) -> str:
    """A path that stays in its folder, and that nothing else there is called by."""
    parts = PurePosixPath(value).parts
    is_whole = "/".join(parts) == value and bool(parts)
    is_inside = not any(each.startswith((".", "/")) for each in parts)
    if not (is_whole and is_inside and is_fit(value)) or value == MANIFEST:
        raise ValueError("no path of a file of a meeting")
    return value


def is_fit(path: str) -> bool:
    """Whether any database keeps a path and finds it again: no control sign, no broken text."""
    if any(unicodedata.category(each) in ("Cc", "Cs") for each in path):
        return False
    return len(path.encode()) <= _LONGEST_BYTES


_LONGEST_BYTES = 1000
_WITH_ITEMS = (Resource.RECORDINGS, Resource.TRANSCRIPTS)

Time = Annotated[datetime, BeforeValidator(_time)]
MaybeTime = Annotated[datetime | None, BeforeValidator(_time)]
# No further than a database can count on from there.
Count = Annotated[StrictInt, Field(ge=0, le=10**9)]
Size = Annotated[StrictInt, Field(ge=0, le=10**15)]
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]


class _Entry(BaseModel):
    """A part of a manifest; what a newer program has added is left aside."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class MeetingMemory(_Entry):
    """What the row of a meeting has besides, in its columns; manifests of old have none of it."""

    account: Text = ""
    scheduled_meeting_id: Text | None = None
    scheduled_type: Text | None = None
    webex_state: Text | None = None
    details_known: StrictBool = False
    source: Text = "archive"
    first_seen_at: MaybeTime = None
    completed_at: MaybeTime = None
    first_completed_at: MaybeTime = None


class ResourceMemory(_Entry):
    """What the row of a resource has besides, in its columns."""

    priority: Priority = Priority.FRESH
    attempt: Count = 0
    looks: Count = 0
    tries: Count = 0
    opened_at: MaybeTime = None
    patience_until: MaybeTime = None
    ended_at: MaybeTime = None
    stored_at: MaybeTime = None
    recorded_at: MaybeTime = None
    stage: Text = ""
    bytes_done: Size = 0
    bytes_total: Size | None = None


class FileMemory(_Entry):
    """What the row of a file has besides: what Webex said that it is."""

    source: Text = ""


class ManifestResource(_Entry):
    """One resource, or one recording or transcript, and how it stands."""

    resource: Resource
    resource_id: Id | Literal[""] = ""
    state: State
    reason: Reason | None = None
    deleted_at_source: MaybeTime = None
    error: Text | None = None
    message: Text | None = None
    next_attempt_at: MaybeTime = None
    for_rebuild: ResourceMemory = ResourceMemory()

    @property
    def key(self) -> tuple[Resource, str]:
        """What there is once in a meeting."""
        return self.resource, self.resource_id

    @property
    def has_files(self) -> bool:
        """Whether there is a file of it once it is done; lists have none."""
        return bool(self.resource_id) or self.resource not in _WITH_ITEMS

    @model_validator(mode="after")
    def _has_items(self) -> Self:
        if self.resource_id and self.resource not in _WITH_ITEMS:
            raise ValueError("no resource of which there are items")
        return self


class ManifestFile(_Entry):
    """One file; ``path`` is relative to the folder and leads nowhere else."""

    path: Annotated[str, AfterValidator(_path)]
    resource: Resource
    resource_id: Id | Literal[""] = ""
    kind: Kind
    bytes: Size
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    file_version: Annotated[StrictInt, Field(ge=1, le=10**9)] = 1
    stored_at: Time
    for_rebuild: FileMemory = FileMemory()

    @property
    def key(self) -> tuple[Resource, str]:
        """Of what it is a file."""
        return self.resource, self.resource_id


class Manifest(_Entry):
    """The manifest of one meeting, version 1."""

    version: StrictInt
    meeting_id: Annotated[str, AfterValidator(_meeting_id)]
    meeting_series_id: Text | None = None
    title: Text | None = None
    site_url: Text | None = None
    host_email: Text | None = None
    start: MaybeTime = None
    end: MaybeTime = None
    complete: StrictBool = False
    resources: Annotated[list[ManifestResource], Field(max_length=100_000)]
    files: Annotated[list[ManifestFile], Field(max_length=100_000)]
    for_rebuild: MeetingMemory = MeetingMemory()

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        keys = Counter(each.key for each in self.resources)
        paths = Counter(each.path for each in self.files)
        if any(count > 1 for count in (*keys.values(), *paths.values())):
            raise ValueError("something stands there twice")
        return self

    @cached_property
    def newest(self) -> set[str]:
        """The paths of the newest version of each file."""
        found: dict[tuple[Resource, str, Kind], ManifestFile] = {}
        for each in self.files:
            key = (*each.key, each.kind)
            if key not in found or found[key].file_version < each.file_version:
                found[key] = each
        return {each.path for each in found.values()}

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read one; FolderRefused names the fields that are wrong, never their values."""
        try:
            version = _Version.model_validate_json(content).version
            if version != 1:
                raise FolderRefused(
                    f"its manifest is of version {version}, which this program does not know"
                )
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise FolderRefused(f"its manifest cannot be read: {_what_is_wrong(error)}") from None


def _what_is_wrong(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["loc"]:
        return f"{'.'.join(map(str, first['loc']))} is wrong"
    return "something stands there twice" if first["type"] == "value_error" else "it is cut or none"


class _Version(_Entry):
    version: StrictInt
