"""The feed of events for programs that rather ask than be called, as models that they are told."""

from app.models.status import Told
from app.models.timeline import Happening


class FeedEvent(Happening):
    """One thing that happened to a meeting; ``id`` is its place, to go on from with ``after``."""

    id: str
    meeting_id: str


class FeedPage(Told):
    """Some events in their order; ``next`` is where to go on, now or when something has happened.

    ``has_more`` is whether there is something there already.
    """

    events: list[FeedEvent]
    next: str
    has_more: bool
