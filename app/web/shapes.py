"""What the API is asked with and answers with, as models that its description is made of."""

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.models.search import Hit
from app.models.status import MeetingLine, MeetingState, Told
from app.models.timeline import Happening
from app.models.words import Verified

_MOST = 500

Limit = Field(50, ge=1, le=_MOST, description="At most so many.")
Plain = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""A text that every database can be asked for: Postgres refuses the zero character."""

Day = Field(None, description="A UTC day, such as 2026-03-31.")


class MeetingPath(BaseModel):
    """One meeting."""

    meeting_id: str = Field(description="Webex's id of the meeting that took place, `…_I_…`.")


class FilePath(MeetingPath):
    """One stored file of a meeting."""

    path: str = Field(description="Its path, as the manifest has it.")


class ListQuery(BaseModel):
    """Which meetings; what is left out does not matter."""

    host: str | None = Field(None, description="The host's email.")
    site: str | None = Field(None, description="The Webex site, such as example.webex.com.")
    account: str | None = Field(None, description="The name of the account that reads them.")
    since: date | None = Day
    until: date | None = Day
    state: MeetingState | None = None
    reason: str | None = Field(None, description="A reason or error code of something of it.")
    before: str | None = Field(None, description="Meetings older than this one.")
    after: str | None = Field(None, description="Meetings newer than this one.")
    limit: int = Limit


class SearchQuery(BaseModel):
    """Which words, by whom and when."""

    q: str = Field(description="Words, and phrases in quotation marks; all have to be found.")
    speaker: str | None = Field(None, description="A part of the speaker's name or email.")
    host: str | None = Field(None, description="The email of the meeting's host.")
    since: date | None = Field(None, alias="from", description="A UTC day.")
    until: date | None = Field(None, alias="to", description="A UTC day, included.")
    after: str | None = Field(None, description="Hits behind this place, as `next` told it.")


class ReportQuery(BaseModel):
    """Which days; the last week unless they are told."""

    since: date | None = Field(None, alias="from", description="A UTC day.")
    until: date | None = Field(None, alias="to", description="A UTC day, included.")
    ask: bool = Field(False, description="Ask Webex for its lists, which takes `operate` too.")


class FeedQuery(BaseModel):
    """Where to go on."""

    after: str | None = Field(
        None,
        description="The `next` of the last answer, or `latest` for what is still to come.",
    )
    limit: int = Limit


class MeetingList(Told):
    """Some meetings, newest first."""

    meetings: list[MeetingLine]


class Timeline(Told):
    """What happened to a meeting, oldest first."""

    happened: list[Happening]


class Hits(Told):
    """What was found, newest meeting first; ``next`` leads to more, None where there is no more."""

    hits: list[Hit]
    next: str | None


class RetryBody(BaseModel):
    """Which failures are tried again: those of one code, of one host's meetings; else all."""

    # A word of another spelling must not mean all.
    model_config = ConfigDict(extra="forbid")

    reason: Plain | None = Field(None, description="An error code, such as `link_refused`.")
    host: Plain | None = Field(None, description="The host's email.")


class Retried(Told):
    """How much is tried again, and of which meetings."""

    number: int
    meeting_ids: list[str]


class Looked(Told):
    """That the waiting work of a meeting is due now."""

    meeting_id: str


class VerifiedFiles(Told):
    """What looking at the stored files of a meeting has found.

    ``found`` is ``verified`` where each byte was read again, ``there`` where only sizes were, as
    the files are too large to be waited for, ``damaged`` where not all are as they were stored.
    """

    meeting_id: str
    found: Verified
