"""Events at the door: verified and committed as they come, before anything else happens."""

import json

from pydantic import TypeAdapter, ValidationError

from app.db.inbox import Delivery, digest_of, quarantine_delivery
from app.errors import AnswerUnreadable, BodyTooLarge, NotAnEvent, SignatureWrong
from app.ingestion.workbench import Workbench
from app.models.secrecy import without_secrets
from app.models.webex import Id, Notification
from app.webex.signature import is_signed

MOST_BODY_BYTES = 64 * 1024

_ID: TypeAdapter[str] = TypeAdapter(Id)


def receive_event(
    bench: Workbench,
    raw: bytes,
    signature: str | None,
    *,
    newer_signature: str | None = None,
    secrets: tuple[str, ...],
    unsigned_allowed: bool,
) -> Notification:
    """Verify one delivery over its raw bytes and commit it; after this it is never lost.

    Raises BodyTooLarge, SignatureWrong, NotAnEvent or DatabaseUnavailable; then nothing
    is stored, but what was signed and is an object without an event is put into quarantine.
    The body is stored without secrets and links.
    """
    if len(raw) > MOST_BODY_BYTES:
        raise BodyTooLarge(f"the body is larger than {MOST_BODY_BYTES // 1024} KiB")
    if (secrets or not unsigned_allowed) and not is_signed(
        raw, signature, secrets, newer=newer_signature
    ):
        raise SignatureWrong("the delivery is not signed with a secret of ours")
    try:
        event, body = read_delivery(raw)
    except NotAnEvent as error:
        # What nobody signed could be anybody's, and fill the disk.
        if secrets:
            _quarantine(bench, raw, error)
        raise
    bench.intake.take(
        Delivery(
            digest=digest_of(raw),
            resource=event.resource,
            event=event.event,
            data_id=event.data.id,
            body=body,
            received_at=bench.clock(),
        )
    )
    return event


def read_delivery(raw: bytes) -> tuple[Notification, str]:
    """Read the body of a delivery: the event, and its JSON without secrets.

    NotAnEvent says which field is wrong.
    """
    try:
        value = without_secrets(json.loads(raw))
        return Notification.read(value), json.dumps(value)
    except (ValueError, RecursionError):
        raise NotAnEvent("the body is not JSON") from None
    except AnswerUnreadable as error:
        raise NotAnEvent(str(error)) from None


def _quarantine(bench: Workbench, raw: bytes, error: NotAnEvent) -> None:
    """Keep what a signed delivery says; what is not JSON cannot be cleaned of secrets."""
    try:
        value = without_secrets(json.loads(raw))
    except (ValueError, RecursionError):
        return
    if not isinstance(value, dict):
        return
    data = value.get("data")
    delivery = Delivery(
        digest=digest_of(raw),
        resource=_name(value.get("resource")),
        event=_name(value.get("event")),
        data_id=_name(data.get("id") if isinstance(data, dict) else None),
        body=json.dumps(value),
        received_at=bench.clock(),
    )
    quarantine_delivery(bench.database, delivery, error_code=error.code, error=str(error))


def _name(value: object) -> str:
    try:
        return _ID.validate_python(value, strict=True)
    except ValidationError:
        return ""
