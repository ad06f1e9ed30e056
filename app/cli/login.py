"""``login``: a person signs in at Webex in a browser, and the tokens are kept, encrypted."""

import os
import socket
import threading
import webbrowser
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

import click
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from app.cli.accounts import account_argument, account_text, check_key, role_option
from app.cli.output import json_option, print_json, say
from app.cli.tools import command_runtime
from app.errors import SettingsError, SignInRefused
from app.ingestion.tokens import OF_SETTINGS
from app.ingestion.wording import one_line
from app.models.times import utc_now
from app.models.words import Role
from app.runtime import Runtime, oauth_app
from app.webex.scopes import role_of
from app.webex.sign_in import SCOPES, Consent, redeem

_LOCAL = ("localhost", "127.0.0.1", "::1")
_LONGEST_SIGN_IN_SECONDS = 600
_STARTED = "Signed in. You may close this window; the terminal goes on."


@click.command()
@account_argument(default=OF_SETTINGS)
@click.option(
    "--redirect-uri",
    metavar="URI",
    default="http://localhost:8484/callback",
    show_default=True,
    help="One of the redirect URIs of your Integration; a local one is listened at.",
)
@click.option(
    "--scopes",
    metavar="WORDS",
    help="What to ask for, separated by spaces; default: what an account of its own meetings "
    "needs, and for that of an administrator what it has.",
)
@click.option("--paste", is_flag=True, help="Without a browser here: ask for the answer's address.")
@click.option("--no-browser", is_flag=True, help="Print the address and open no browser.")
@role_option
@json_option
def login(
    name: str,
    redirect_uri: str,
    scopes: str | None,
    paste: bool,
    no_browser: bool,
    role: Role | None,
    as_json: bool,
) -> None:
    """Sign in at Webex in a browser, and keep the tokens.

    The tokens of account NAME are kept encrypted; without NAME it is the account of the settings.
    WEBEX_CLIENT_ID and WEBEX_CLIENT_SECRET are
    those of an Integration at developer.webex.com that has the redirect URI.

    \b
    Example: webex-ingest login campus --paste
    """
    _check_redirect_uri(redirect_uri, here=not paste)
    runtime = command_runtime()
    check_key(runtime)
    consent = Consent.begin(oauth_app(runtime.settings), redirect_uri)
    asked = tuple(scopes.split()) if scopes else _scopes_of(runtime, name)
    address = consent.address(str(runtime.settings.webex_api_url), asked)
    say(f"Open this address in a browser, sign in and agree:\n\n  {address}\n", err=True)
    if paste:
        code = consent.code_of(click.prompt(_PASTE, err=True))
    else:
        code = _listen(consent, lambda: no_browser or webbrowser.open(address))
    _keep(runtime, name, consent, code, role=role, as_json=as_json)


_PASTE = (
    "The browser is then sent to an address that it may not be able to open.\n"
    "Copy that address from the browser's address bar to here"
)


def _scopes_of(runtime: Runtime, name: str) -> tuple[str, ...]:
    """What an account is to ask for: signing in again makes no user of an administrator."""
    standings = runtime.bench.accounts.standings()
    had = next((each.scopes for each in standings if each.name == name), None)
    return SCOPES if role_of(had) in (None, Role.USER) else tuple((had or "").split())


def _keep(
    runtime: Runtime, name: str, consent: Consent, code: str, *, role: Role | None, as_json: bool
) -> None:
    api_url = str(runtime.settings.webex_api_url)
    pair = redeem(api_url, consent, code, clock=utc_now)
    email = runtime.bench.accounts.add(name, pair, consent.app, role=role)
    if as_json:
        print_json({"account": name, "email": email, "scopes": pair.scopes})
        return
    say(f"Signed in as {one_line(email) or 'somebody whose name Webex does not tell'}.")
    say(f"The tokens are kept, encrypted, as account {account_text(name)}.")
    if name == OF_SETTINGS and runtime.settings.webex_access_token is not None:
        say("WEBEX_ACCESS_TOKEN is not used any more: remove it from the settings.")


def _check_redirect_uri(redirect_uri: str, *, here: bool) -> None:
    try:
        place = urlsplit(redirect_uri)
        is_address = place.scheme in ("http", "https") and place.hostname and place.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise click.BadParameter(
            f"{redirect_uri} is no address that a browser can be sent to, "
            "such as http://localhost:8484/callback",
            param_hint="--redirect-uri",
        )
    if here and (place.scheme != "http" or place.hostname not in _LOCAL):
        raise SettingsError(
            f"--redirect-uri: {redirect_uri} does not lead to this machine; "
            "use one that begins with http://localhost, or add --paste"
        )


def _listen(consent: Consent, open_browser: Callable[[], object]) -> str:
    """Wait for the browser to come back; the code that it brings."""
    place = urlsplit(consent.redirect_uri)
    answered = threading.Event()
    told: list[str | SignInRefused] = []

    @Request.application
    def answer(request: Request) -> Response:
        if request.path != (place.path or "/"):
            return Response("There is nothing here.\n", 404)
        # Whatever bytes somebody sends are at most a wrong answer.
        question = request.query_string.decode(errors="replace")
        try:
            told.append(consent.code_of(f"{consent.redirect_uri}?{question}"))
        except SignInRefused as error:
            if request.args.get("state") != consent.state:
                # Anybody may ask this; the real answer may still come.
                return Response(f"{error}\n", 400)
            told.append(error)
        response = Response(_STARTED if isinstance(told[0], str) else f"{told[0]}\n")
        # Not before the browser has it: with this program its thread ends, too.
        response.call_on_close(answered.set)
        return response

    with _bound(place) as bound:
        host, port = bound.getsockname()[:2]
        # Browsers connect ahead of asking; one silent connection must not hold up the answer.
        server = make_server(
            host, port, answer, threaded=True, request_handler=_Quiet, fd=bound.fileno()
        )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        open_browser()
        say("Waiting for the answer…", err=True)
        if not answered.wait(_LONGEST_SIGN_IN_SECONDS):
            raise SignInRefused("nobody signed in within ten minutes")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    if isinstance(told[0], SignInRefused):
        raise told[0]
    return told[0]


class _Quiet(WSGIRequestHandler):
    """Tells the terminal nothing of requests: whoever is on this machine may send some."""

    def log_request(self, *_: object) -> None:
        """Say nothing of an answer."""

    def log_error(self, *_: object) -> None:
        """Say nothing of a request that is none."""

    def run_wsgi(self) -> None:
        """Answer; what asks for no address gets an answer too."""
        try:
            super().run_wsgi()
        except ValueError:
            self.send_error(400)


def _bound(place: SplitResult) -> socket.socket:
    """A socket where the browser will come to; raises SettingsError where there can be none."""
    host = "127.0.0.1" if place.hostname == "localhost" else str(place.hostname)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    port = place.port or 80
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"--redirect-uri: port {port} of {host} cannot be listened at "
            f"({os.strerror(error.errno or 0)}): end what uses it, name another redirect URI "
            "of your Integration, or add --paste"
        ) from None
