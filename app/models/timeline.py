"""What happened to a meeting, as models that people and programs are told."""

from app.models.status import Time, Told


class Happening(Told):
    """One thing that happened; ``sentence`` says it to people, ``what`` and ``reason`` to programs.

    ``what`` is one of the words of a step, or ``started``, ``ended`` and ``verified``, which are
    told by the meeting itself. ``reason`` is a reason, an error code, a source or a kind of file.
    """

    at: Time
    what: str
    resource: str = ""
    resource_id: str = ""
    reason: str | None = None
    sentence: str
    bytes: int | None = None
