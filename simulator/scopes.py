"""Which scopes a token needs for what, as the table of Webex's Meetings guide says."""

from dataclasses import dataclass

from simulator.settings import Identity

_COMPLIANCE = "spark-compliance:meetings_read"


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a family of calls takes of each role, space-separated; None: not for that role."""

    user: str | None = None
    admin: str | None = None
    compliance: str | None = None

    def ways(self, identity: Identity) -> list[str | None]:
        """Return what opens it to somebody: administrators and officers are users as well."""
        if identity.role == "user":
            return [self.user]
        if identity.role == "admin":
            return [self.user, self.admin]
        return [self.user, self.admin, self.compliance]


_SCHEDULES = Scopes("meeting:schedules_read", "meeting:admin_schedule_read")
_CHANGES = Scopes("meeting:schedules_write", "meeting:admin_schedule_write")
_PARTICIPANTS = Scopes("meeting:participants_read", "meeting:admin_participants_read", _COMPLIANCE)
_RECORDINGS = Scopes("meeting:recordings_read", "meeting:admin_recordings_read", _COMPLIANCE)
_TRANSCRIPTS = Scopes(
    "meeting:transcripts_read meeting:schedules_read",
    "meeting:admin_transcripts_read",
    _COMPLIANCE,
)
_SNIPPETS = Scopes("meeting:transcripts_read", None, _COMPLIANCE)
_ALL_SUMMARIES = Scopes(compliance=_COMPLIANCE)
_EDITS = Scopes("meeting:transcripts_write", None, "spark-compliance:meetings_write")

FAMILIES: dict[str, Scopes] = {
    "/meetingInvitees": _SCHEDULES,
    "/meetingParticipants": _PARTICIPANTS,
    "/recordings": _RECORDINGS,
    "/meetingTranscripts": _TRANSCRIPTS,
    "/meetingSummaries": Scopes("meeting:summaries_read"),
    "/meetingClosedCaptions": Scopes(compliance=_COMPLIANCE),
    "/meetingReports": Scopes(
        "meeting:participants_read meeting:schedules_read", "meeting:admin_config_read"
    ),
    "/meetingPreferences": Scopes("meeting:preferences_read", "meeting:admin_preferences_read"),
    "/meetings": _SCHEDULES,
    "/people": Scopes("spark:people_read"),
}
# A webhook takes what reading its resource takes; only recordings and transcripts have one more.
WEBHOOKS: dict[str, Scopes] = {
    "meetings": _SCHEDULES,
    "meetingParticipants": Scopes(_PARTICIPANTS.user, _PARTICIPANTS.admin),
    "recordings": _RECORDINGS,
    "meetingTranscripts": Scopes(
        "meeting:transcripts_read", "meeting:admin_transcripts_read", _COMPLIANCE
    ),
}


def scopes_of(method: str, path: str) -> Scopes | None:
    """Return what a call takes, by its path below /v1; None where that alone does not say it."""
    if path == "/admin/meetingSummaries":
        return _ALL_SUMMARIES
    path = path.removeprefix("/admin")
    if path.startswith("/meetingTranscripts/") and "/snippets" in path:
        return _SNIPPETS if method == "GET" else _EDITS
    for beginning, scopes in FAMILIES.items():
        if path == beginning or path.startswith(f"{beginning}/"):
            return _CHANGES if scopes is _SCHEDULES and method != "GET" else scopes
    return None


def may_call(identity: Identity, scopes: Scopes, *, for_others: bool) -> bool:
    """Tell whether a token suffices; for what is another's the scopes of a user do not."""
    if identity.scopes is None:
        return True
    has = set(identity.scopes.split())
    ways = scopes.ways(identity)
    if for_others:
        ways.remove(scopes.user)
    return any(way is not None and has.issuperset(way.split()) for way in ways)


def granted(asked: str | None, consenting: Identity) -> Identity:
    """Return the identity of a token for which these scopes were asked; None asks for all."""
    if asked is None:
        return consenting
    words = dict.fromkeys(asked.split())
    if consenting.scopes is not None:
        words = dict.fromkeys(word for word in words if word in consenting.scopes.split())
    return consenting.model_copy(update={"scopes": " ".join(words)})


def told_scopes(identity: Identity) -> str:
    """Return the scopes as an answer with a token tells them: all that the role can have, if so."""
    if identity.scopes is not None:
        return identity.scopes
    families = (*FAMILIES.values(), _CHANGES, _EDITS)
    ways = [way for each in families for way in each.ways(identity) if way]
    return " ".join(dict.fromkeys(" ".join(ways).split()))
