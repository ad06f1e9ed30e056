"""What is asked as each account, and told of its webhooks."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from functools import partial

from app.cli.accounts import account_text
from app.cli.output import complain, print_json, print_table, say
from app.errors import AccountUnknown, WebexError
from app.ingestion import registration
from app.ingestion.diagnosis import Finding, Problem
from app.ingestion.registration import Change
from app.ingestion.tokens import OF_SETTINGS
from app.ingestion.wording import one_line
from app.runtime import Runtime
from app.webex.client import WebexClient

Line = tuple[str, Finding, str]
"""An account, what is wrong there, and what was done about it."""

Refusal = tuple[str, WebexError]


def ask_each(
    runtime: Runtime, only: str | None, ask: Callable[[str, WebexClient], object]
) -> list[Refusal]:
    """Ask as each account; what those were told that could not be asked to the end."""
    refusals = []
    for name, client in _clients(runtime, only):
        try:
            ask(name, client)
        except WebexError as error:
            refusals.append((name, error))
    return refusals


def change_each(
    runtime: Runtime,
    only: str | None,
    change: Callable[[WebexClient, registration.Tell], object],
    *,
    as_json: bool,
) -> None:
    """Change the webhooks of each account and tell of each change; exits with 1 at a refusal."""
    made: list[tuple[str, Change]] = []
    is_one = len(_clients(runtime, only)) == 1

    def tell(name: str, each: Change) -> None:
        made.append((name, each))
        if not as_json:
            of = "" if is_one else f" of account {account_text(name)}"
            say(f"{_kind(each)}{of}: {each.action}")

    refusals = ask_each(runtime, only, lambda name, client: change(client, partial(tell, name)))
    if as_json:
        told = [{"account": name, **asdict(each)} for name, each in made]
        print_json(told + refusals_json(refusals))
    elif not made and not refusals:
        say("There was nothing to do.")
    end(refusals, as_json)


def print_findings(lines: Sequence[Line], *, all_seen: bool) -> None:
    """Print what is wrong here in a table, and of each other address one sentence."""
    rows = [
        (account_text(name), _kind(f), f.problem, action, _leads_to(f))
        for name, f, action in lines
        if f.problem is not Problem.WRONG_URL
    ]
    if rows:
        print_table(("ACCOUNT", "WEBHOOK", "PROBLEM", "DONE", "TARGET"), rows)
    elif all_seen:
        say("Every webhook exists once, is active and leads here.")
    others = Counter(
        (n, one_line(_leads_to(f))) for n, f, _ in lines if f.problem is Problem.WRONG_URL
    )
    for (name, target), count in others.items():
        say(
            f"{count} webhook(s) of our name lead to {target} (account {account_text(name)}). They "
            "belong to another installation, or are left from an address that this one had: then "
            f"`webex-ingest webhooks register --take-over {target}` leads them here."
        )


def end(refusals: Sequence[Refusal], as_json: bool) -> None:
    """Tell people who could not be asked; exits with 1 if anybody could not."""
    for name, error in refusals if not as_json else ():
        complain(f"account {account_text(name)}: {error}")
    if refusals:
        raise SystemExit(1)


def refusals_json(refusals: Sequence[Refusal]) -> list[dict[str, object]]:
    """Who could not be asked, for programs."""
    return [{"account": name, "error": str(error)} for name, error in refusals]


def line_json(name: str, finding: Finding, action: str) -> dict[str, object]:
    """One finding for programs."""
    return {
        "account": name,
        "resource": finding.resource,
        "event": finding.event,
        "problem": finding.problem,
        "target_url": _leads_to(finding) or None,
        "done": action or None,
    }


def _kind(each: Finding | Change) -> str:
    return f"{each.resource or '?'}.{each.event or '?'}"


def _leads_to(finding: Finding) -> str:
    return finding.webhook.target_url if finding.webhook else ""


def _clients(runtime: Runtime, only: str | None) -> list[tuple[str, WebexClient]]:
    """The accounts that a command is about; raises AccountUnknown."""
    accounts = runtime.bench.accounts
    # Without any account the one of the settings says what is missing.
    names = accounts.names() or [OF_SETTINGS]
    if only is not None and only not in names:
        close = get_close_matches(only, names)
        meant = f" Did you mean {close[0]}?" if close else ""
        raise AccountUnknown(
            f"there is no account {only}: `webex-ingest accounts list` names them.{meant}"
        )
    return [(name, accounts.client(name)) for name in names if only in (None, name)]
