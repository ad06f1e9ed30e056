"""A client for the control calls, so that tests and scripts read like a story."""

from typing import Any

import requests

Answer = dict[str, Any]

_TIMEOUT_SECONDS = 120


class ControlError(RuntimeError):
    """The simulator refused a control call; its reason is the message."""


class ControlClient:
    """Calls `/_control`; each method is one call and returns its JSON."""

    def __init__(self, control_url: str) -> None:
        self.url = control_url
        self._session = requests.Session()
        # The simulator is on this machine: no proxy, no netrc.
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def hold_meeting(self, **order: Any) -> Answer:
        return self.call("POST", "/meetings", order)

    def add_recording(self, meeting_id: str, **order: Any) -> Answer:
        return self.call("POST", f"/meetings/{meeting_id}/recordings", order)

    def add_transcript(self, meeting_id: str, **order: Any) -> Answer:
        return self.call("POST", f"/meetings/{meeting_id}/transcripts", order)

    def truth(self, meeting_id: str) -> Answer:
        return self.call("GET", f"/truth/{meeting_id}")

    def advance(self, seconds: float) -> Answer:
        """Move the clock; what became due has happened when this returns."""
        return self.call("POST", "/clock", {"advance_seconds": seconds})

    def freeze(self) -> Answer:
        return self.call("POST", "/clock", {"freeze": True})

    def settle(self) -> Answer:
        """Wait until everything due has happened and every delivery was tried."""
        return self.advance(0)

    def requests(self, **wanted: str) -> list[Answer]:
        items: list[Answer] = self.call("GET", "/requests", params=wanted)["items"]
        return items

    def forget_requests(self) -> Answer:
        return self.call("DELETE", "/requests")

    def deliveries(self) -> list[Answer]:
        items: list[Answer] = self.call("GET", "/deliveries")["items"]
        return items

    def release_webhooks(self) -> Answer:
        return self.call("POST", "/webhooks/release", {})

    def send_event(self, **order: Any) -> Answer:
        return self.call("POST", "/events", order)

    def change_settings(self, **changes: Any) -> Answer:
        return self.call("POST", "/settings", changes)

    def add_fault(self, **fault: Any) -> Answer:
        return self.call("POST", "/faults", fault)

    def media_faults(self) -> list[Answer]:
        """Return the named faults that a recording can be ordered with."""
        items: list[Answer] = self.call("GET", "/media-faults")["items"]
        return items

    def replace_recording(self, recording_id: str, **order: Any) -> Answer:
        return self.call("POST", f"/recordings/{recording_id}/replace", order)

    def faults(self) -> list[Answer]:
        """Return the faults that are still to come."""
        items: list[Answer] = self.call("GET", "/faults")["items"]
        return items

    def forget_faults(self, **wanted: str) -> Answer:
        return self.call("DELETE", "/faults", params=wanted)

    def expire_tokens(self) -> Answer:
        return self.call("POST", "/tokens/expire", {})

    def expire_links(self) -> Answer:
        return self.call("POST", "/links/expire", {})

    def call(
        self,
        method: str,
        path: str,
        body: Answer | None = None,
        params: dict[str, str] | None = None,
    ) -> Answer:
        """Make any control call; raises ControlError with the simulator's reason."""
        response = self._session.request(
            method, f"{self.url}{path}", json=body, params=params, timeout=_TIMEOUT_SECONDS
        )
        answer: Answer = response.json()
        if response.status_code >= 400:
            raise ControlError(f"{method} {path}: {answer.get('message')}")
        return answer
