"""Which scopes Webex wants for what (Meetings guide), and what they make of their owner."""

from app.models.words import Resource, Role

_SCOPES: dict[str, str] = {
    Resource.MEETINGS: "meeting:schedules_read, or as administrator meeting:admin_schedule_read",
    Resource.PARTICIPANTS: (
        "meeting:participants_read, or as administrator meeting:admin_participants_read"
    ),
    Resource.RECORDINGS: (
        "meeting:recordings_read, or as administrator meeting:admin_recordings_read"
    ),
    Resource.TRANSCRIPTS: (
        "meeting:transcripts_read and meeting:schedules_read, "
        "or as administrator meeting:admin_transcripts_read"
    ),
    Resource.INVITEES: "meeting:schedules_read, or as administrator meeting:admin_schedule_read",
    Resource.SUMMARIES: (
        "meeting:summaries_read of the host, or spark-compliance:meetings_read of a compliance "
        "officer; administrators cannot read it"
    ),
    Resource.CHATS: "meeting:schedules_read, or as administrator meeting:admin_schedule_read",
    Resource.POLLS: "meeting:schedules_read, or as administrator meeting:admin_schedule_read",
    Resource.QUESTIONS: "meeting:schedules_read, or as administrator meeting:admin_schedule_read",
    Resource.CAPTIONS: "spark-compliance:meetings_read of a compliance officer",
    Resource.ATTENDEES: (
        "meeting:participants_read and meeting:schedules_read, "
        "or as administrator meeting:admin_config_read"
    ),
}


def wanted_scopes(resource: str) -> str:
    """The scopes that reading a resource takes, in words; empty where that is not known."""
    return _SCOPES.get(resource, "")


def role_of(scopes: str | None) -> Role | None:
    """What a token's scopes let its owner be; None where they are not known."""
    if scopes is None:
        return None
    words = scopes.split()
    if any(word.startswith("spark-compliance:") for word in words):
        return Role.COMPLIANCE
    if any(word.startswith("meeting:admin_") for word in words):
        return Role.ADMIN
    return Role.USER
