"""Everything that we ask Webex, and all that the simulator answers, against Webex's description."""

import json
import pkgutil
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from app import webex
from app.ingestion.auto_record import judge_due, undo
from app.ingestion.backfill import backfill_due
from app.ingestion.commands import resolve_instances
from app.ingestion.diagnosis import Place, examine, owner_of
from app.ingestion.policy import forecast
from app.ingestion.recheck import recheck_due
from app.ingestion.registration import mend, register, unregister
from app.models.words import EXTRA_RESOURCES, Role
from app.webex import resources, webhooks
from app.webex.client import WebexClient
from app.webex.webhooks import Owner
from simulator import Settings as SimulatorSettings
from tests.ingestion.asked import BODIES, DEVIATIONS, PARAMETERS
from tests.servers import ValkeyServer
from tests.simulator.description import answer_problems, description, request_problems, rule_of
from tests.stage import SECRET, Stage, staged

WHOLE_SECONDS = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
EXTRAS = {"summary": True, "chats": 2, "polls": 1, "questions": 1, "captions": True}
POLICY = '[[rules]]\nhosts = "*"\nrecord = true'


@dataclass(frozen=True)
class Exchange:
    """One request of ours and what was answered."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    content_type: str | None
    answer: requests.Response

    @property
    def rule(self) -> str:
        """Method and path as PARAMETERS and the description have them."""
        rule = rule_of(self.path) or _rule_without_description(self.method, self.path)
        return f"{self.method} {rule}"


@pytest.fixture(scope="module")
def exchanges(
    tmp_path_factory: pytest.TempPathFactory, migrated_file: Path, valkey: ValkeyServer
) -> list[Exchange]:
    """All that the product asks in every role, and what the simulator answers."""
    seen: list[Exchange] = []
    with recorded(seen), called() as names:
        for role in Role:
            valkey.flush()
            folder = tmp_path_factory.mktemp(role)
            shutil.copyfile(migrated_file, folder / "webex-ingest.db")
            person = {"email": "host@example.com", "role": role}
            told = SimulatorSettings.model_validate({"tokens": {"simulator-token": person}})
            settings: dict[str, Any] = {
                "webex_role": role,
                "extra_resources": EXTRA_RESOURCES,
                "policy": POLICY,
            }
            url = f"sqlite:///{folder / 'webex-ingest.db'}"
            with staged(folder, url, valkey.url, simulator_settings=told, **settings) as stage:
                live_through_everything(stage)
    unused = {f"{each.__module__}.{each.__name__}" for each in functions()} - names
    assert unused == set(), "nobody asks Webex this way here: let the story above do so"
    return seen


def live_through_everything(stage: Stage) -> None:
    """A story in which the product asks Webex all that it ever asks."""
    client = stage.bench.accounts.client("")
    place = Place(stage.door, SECRET)
    stage.bench.accounts.describe("")
    resources.me(client)
    resources.sites(client)
    held = stage.hold_meeting(
        host_email="professor@example.com", recordings=2, extras=EXTRAS, participant_count=5
    )
    stage.advance(15)
    stage.live_until_complete(held["meeting_id"])
    stage.control.send_event(
        resource="meetingTranscripts", event="created", data={"id": held["transcript_ids"][0]}
    )
    stage.live(days=1, minutes=1)
    recheck_due(stage.bench)
    backfill_due(stage.bench)
    resolve_instances(stage.bench, held["series_id"])
    follow_the_policy(stage)
    change_the_webhooks(stage, client, place)


def follow_the_policy(stage: Stage) -> None:
    start = stage.now + timedelta(days=1)
    times = {"start": start.isoformat(), "end": (start + timedelta(hours=1)).isoformat()}
    planned_id = stage.control.hold_meeting(**times)["series_id"]
    stage.advance(0)
    week = timedelta(days=7)
    hosts = ["host@example.com"]
    list(forecast(stage.bench, since=stage.now - week, until=stage.now + week, hosts=hosts))
    stage.work()
    stage.control.add_fault(method="PATCH", status=415, times=2)
    judge_due(stage.bench)
    undo(stage.bench, [planned_id])


def change_the_webhooks(stage: Stage, client: WebexClient, place: Place) -> None:
    stage.control.call("POST", "/webhooks/switch-off", {})
    found = webhooks.webhooks(client)
    mend(client, examine(found, place), place, owner=owner_of(found, place))
    register(client, target_url=place.target_url, secret=place.secret)
    unregister(client, target_url=place.target_url)
    if stage.bench.accounts.view("").role == Role.ADMIN:
        register(client, target_url=place.target_url, secret=place.secret, owner=Owner.ORG)
        register(client, target_url=place.target_url, secret=place.secret)


@contextmanager
def recorded(seen: list[Exchange]) -> Iterator[None]:
    """Note every request that leaves for the API, and what comes back."""
    send = requests.Session.send

    def noted(
        session: requests.Session, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        answer = send(session, request, **options)
        parts = urlsplit(str(request.url))
        if request.headers.get("User-Agent") == "webex-ingest" and parts.path.startswith("/v1/"):
            seen.append(
                Exchange(
                    method=str(request.method),
                    path=parts.path.removeprefix("/v1"),
                    query=dict(parse_qsl(parts.query)),
                    body=json.loads(request.body) if request.body else None,
                    content_type=request.headers.get("Content-Type"),
                    answer=answer,
                )
            )
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests.Session, "send", noted)
        yield


@contextmanager
def called() -> Iterator[set[str]]:
    """The functions that this thread has called meanwhile, by module and name."""
    names: set[str] = set()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            names.add(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_name}")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield names
    finally:
        sys.setprofile(before)


def functions() -> list[FunctionType]:
    """All public functions that ask Webex something."""
    names = [f"app.webex.{each.name}" for each in pkgutil.iter_modules(webex.__path__)]
    return [
        each
        for module in map(import_module, names)
        for name, each in vars(module).items()
        if isinstance(each, FunctionType)
        and each.__module__ == module.__name__
        and not name.startswith("_")
        and "client" in each.__code__.co_varnames[: each.__code__.co_argcount]
    ]


def test_what_is_asked_is_written_down_and_what_is_written_down_is_asked(
    exchanges: list[Exchange],
) -> None:
    asked: dict[str, set[str]] = {}
    told: dict[str, set[str]] = {}
    for each in exchanges:
        asked.setdefault(each.rule, set()).update(each.query)
        if each.body is not None:
            told.setdefault(each.rule, set()).update(each.body)

    assert asked == PARAMETERS
    assert told == BODIES


def test_sizes_and_times_have_the_form_that_webex_takes(exchanges: list[Exchange]) -> None:
    sizes = {each.query["max"] for each in exchanges if "max" in each.query}
    times = {
        each.query[name] for each in exchanges for name in ("from", "to") if name in each.query
    }

    assert sizes == {"100"}
    assert times
    assert [each for each in times if not WHOLE_SECONDS.fullmatch(each)] == []


def test_every_request_is_as_webex_describes_it(exchanges: list[Exchange]) -> None:
    """Where the description is not at hand, the two above are what holds."""
    wrong = {
        problem
        for each in exchanges
        if description() is not None
        for problem in request_problems(
            each.method, each.path, each.query, each.body, each.content_type
        )
    }

    assert wrong - set(DEVIATIONS) == set()


def test_every_answer_of_the_simulator_is_as_webex_describes_it(exchanges: list[Exchange]) -> None:
    answered = [each for each in exchanges if each.answer.status_code == 200]
    wrong = {problem for each in answered for problem in answer_problems(each.rule, each.answer)}

    assert len({each.rule for each in answered}) > 20
    assert wrong == set()


def _rule_without_description(method: str, path: str) -> str:
    parts = path.split("/")
    for rule in sorted(PARAMETERS, key=lambda rule: rule.count("{")):
        known, pattern = rule.split(" ", 1)[0], rule.split(" ", 1)[1].split("/")
        fits = len(pattern) == len(parts) and all(
            "{" in p or p == given for p, given in zip(pattern, parts, strict=True)
        )
        if known == method and fits:
            return "/".join(pattern)
    return path
