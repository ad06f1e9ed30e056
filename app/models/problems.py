"""What is wrong, as models that people and programs are told."""

from app.models.status import Time, Told


class Trouble(Told):
    """One thing that is wrong or soon will be; sentences for people, words for programs.

    ``what`` is a word for its kind, ``is_grave`` whether something is missing or will be because of
    it. ``mend`` says what to do. ``number`` is how many there are, None where it is one thing.
    ``reason`` is the code by which all of a kind are tried again, None where that mends nothing.
    """

    what: str
    is_grave: bool
    title: str
    sentence: str
    mend: str
    number: int | None = None
    since: Time | None = None
    reason: str | None = None


class Course(Told):
    """How one thing that goes on by itself stands: ``value`` is said to people."""

    name: str
    value: str
    is_fine: bool


class Backfilled(Told):
    """How far one list of an account was read for a backfill; all before ``reached``."""

    purpose: str
    account: str
    resource: str
    site_url: str
    since: Time
    until: Time
    reached: Time
    is_finished: bool


class Problems(Told):
    """What is wrong, gravest first, how all that goes on stands, and how far backfills are."""

    troubles: list[Trouble]
    courses: list[Course]
    backfills: list[Backfilled]
