"""/v1/people/me, /v1/meetingPreferences/sites and the OAuth endpoints."""

import base64
import hashlib
from urllib.parse import urlencode

from flask import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from simulator.answers import PLAIN_JSON, ApiError, Route, caller, caller_id, json_answer
from simulator.ids import organization_id
from simulator.scopes import granted, told_scopes
from simulator.settings import Identity
from simulator.world import Consent, Grant, World


def get_me(world: World) -> Response:
    email = caller().email
    name = email.partition("@")[0].replace(".", " ").title()
    me = {
        "id": caller_id(),
        "emails": [email],
        "displayName": name,
        "orgId": organization_id(),
        "siteUrls": world.settings.site_urls,
        "created": "2021-01-04T09:00:00.000Z",
        "status": "active",
        "type": "person",
    }
    return json_answer(me, content_type=PLAIN_JSON)


def list_sites(world: World) -> Response:
    sites = [
        {"siteUrl": site, "default": place == 0}
        for place, site in enumerate(world.settings.site_urls)
    ]
    return json_answer({"sites": sites})


def authorize(world: World) -> AnyResponse:
    """Consent at once, as a person who clicks on everything would; or refuse, where set so."""
    asked = request.args
    target = asked.get("redirect_uri")
    if asked.get("client_id") != world.settings.client_id or not target:
        raise ApiError(400, "client_id or redirect_uri is wrong.")
    if "code_challenge" in asked and asked.get("code_challenge_method") != "S256":
        raise ApiError(400, "code_challenge_method must be S256.")
    consenting = world.settings.consenting
    if consenting is None:
        answer = {"error": "access_denied", "error_description": "The user denied the request."}
    else:
        identity = granted(asked.get("scope"), consenting)
        consent = Consent(identity, target, asked.get("code_challenge"))
        answer = {"code": world.tokens.issue_code(consent)}
    if "state" in asked:
        answer["state"] = asked["state"]
    return redirect(f"{target}?{urlencode(answer)}")


def issue_token(world: World) -> Response:
    form = request.form
    client = (form.get("client_id"), form.get("client_secret"))
    if client != (world.settings.client_id, world.settings.client_secret):
        raise ApiError(401, "The client id or the client secret is wrong.")
    if form.get("grant_type") == "authorization_code":
        return _redeemed(world)
    if form.get("grant_type") == "refresh_token":
        return _refreshed(world, form.get("refresh_token", ""))
    raise ApiError(400, "grant_type must be authorization_code or refresh_token.")


ROUTES: list[Route] = [
    ("GET", "/people/me", get_me),
    ("GET", "/meetingPreferences/sites", list_sites),
    ("GET", "/authorize", authorize),
    ("POST", "/access_token", issue_token),
]


def _redeemed(world: World) -> Response:
    """Give tokens for a code that a consent gave, once; for one of the settings, always."""
    form = request.form
    code = form.get("code", "")
    identity = world.settings.authorization_codes.get(code)
    if identity is None:
        consent = world.tokens.codes.pop(code, None)
        if consent is None or consent.redirect_uri != form.get("redirect_uri"):
            raise ApiError(400, "The authorization code is not valid.")
        if consent.challenge not in (None, _challenge_of(form.get("code_verifier", ""))):
            raise ApiError(400, "The code_verifier does not fit the code_challenge.")
        identity = consent.identity
    return _tokens(world, identity, world.tokens.issue_refresh(identity))


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _refreshed(world: World, token: str) -> Response:
    grant = world.tokens.refresher(token)
    if grant is None:
        raise ApiError(400, "The refresh token is not valid or has expired.")
    if world.settings.rotate_refresh_tokens:
        new_token = world.tokens.issue_refresh(grant.identity)
        grant.expires_at = world.now()
        return _tokens(world, grant.identity, new_token)
    return _tokens(world, grant.identity, token)


def _tokens(world: World, identity: Identity, refresh_token: str) -> Response:
    grant: Grant | None = world.tokens.refresher(refresh_token)
    left_seconds = 0
    if grant is not None and grant.expires_at is not None:
        left_seconds = int((grant.expires_at - world.now()).total_seconds())
    body = {
        "access_token": world.tokens.issue_access(identity),
        "expires_in": world.settings.access_token_seconds,
        "refresh_token": refresh_token,
        "refresh_token_expires_in": left_seconds,
        "token_type": "Bearer",
        "scope": told_scopes(identity),
    }
    return json_answer(body, content_type=PLAIN_JSON)
