"""/authorize and /callback, with one pretend provider: a page that lists the demo people."""

import html
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from sqlalchemy import delete, insert, select, update
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from servers.local_supabase import accounts, sessions
from servers.local_supabase.accounts import DEMO_ACCOUNTS
from servers.local_supabase.context import Call, Context, new_id
from servers.local_supabase.errors import Refusal, validation_failed
from servers.local_supabase.tables import flow_states, users

PROVIDER = "github"
PROVIDER_TOKEN = "pretend"  # noqa: S105 - opens nothing
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def allowed_redirect(wanted: str | None, context: Context) -> str:
    """The wanted address if it is the site's or on this machine, else the site's (any port on loopback)."""
    try:
        address = urlsplit(wanted or "")
        host = address.hostname if address.scheme in {"http", "https"} else None
    except ValueError:
        host = None
    site = urlsplit(context.site_url).hostname
    return wanted if wanted and host and (host == site or host in _LOOPBACK) else context.site_url


def answer_at(redirect_to: str, *, query: Mapping[str, Any] | None = None, fragment: Mapping[str, Any]) -> str:
    """The address with members added to its query, and a fragment in place of its own."""
    address = urlsplit(redirect_to)
    joined = "&".join(part for part in (address.query, urlencode(query or {})) if part)
    return urlunsplit(address._replace(query=joined, fragment=urlencode(fragment)))


def fragment_of(session: sessions.Session, **more: str) -> dict[str, Any]:
    """A session as it is handed over without PKCE."""
    names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
    return {name: session.body[name] for name in names} | {"sb": ""} | more


async def authorize(call: Call) -> Response | Refusal:
    """GET /authorize?provider=&redirect_to=&code_challenge=&code_challenge_method="""
    query, context = call.request.query_params, call.context
    if query.get("provider") != PROVIDER:
        return validation_failed("Unsupported provider: provider is not enabled")
    challenge, method = query.get("code_challenge"), query.get("code_challenge_method")
    if (challenge is None) != (method is None):
        return validation_failed("PKCE flow requires code_challenge_method and code_challenge")
    if challenge is not None and (not _CHALLENGE.fullmatch(challenge) or str(method).lower() != "s256"):
        return validation_failed("code challenge is not valid")
    return RedirectResponse(await _begin(context, query.get("redirect_to"), challenge, "oauth"), 302)


async def single_sign_on(call: Call) -> Response | Refusal:
    """POST /sso: where to go for the identity provider of a domain."""
    texts = call.texts("domain", "code_challenge", "redirect_to")
    if isinstance(texts, Refusal):
        return texts
    domain, challenge, redirect_to = texts
    if domain not in call.context.sso_domains:
        return Refusal(404, "sso_provider_not_found", "No SSO provider assigned for this domain")
    if challenge is None or not _CHALLENGE.fullmatch(challenge):
        return validation_failed("code challenge is not valid")
    return JSONResponse({"url": await _begin(call.context, redirect_to, challenge, "sso/saml")})


async def _begin(context: Context, redirect_to: str | None, challenge: str | None, method: str) -> str:
    """→ the pretend provider's page."""
    state = new_id()
    async with context.transaction() as connection:
        await connection.execute(
            insert(flow_states).values(
                id=state,
                redirect_to=allowed_redirect(redirect_to, context),
                code_challenge=challenge,
                method=method,
                expires_at=context.later(minutes=5),
            )
        )
    return f"{context.public_url}/_local/{PROVIDER}?{urlencode({'state': state})}"


async def pretend_provider(call: Call) -> Response | Refusal:
    """The provider's own page: who are you today?"""
    state = html.escape(call.request.query_params.get("state", ""))
    buttons = "".join(
        f'<p><button name="code" value="{account.id}">Continue as {html.escape(account.email)}</button></p>'
        for account in DEMO_ACCOUNTS
    )
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Pretend GitHub</title>'
        f'<h1>Pretend GitHub</h1><form action="{call.context.issuer}/callback">'
        f'<input type="hidden" name="state" value="{state}">{buttons}</form></html>'
    )


async def callback(call: Call) -> Response | Refusal:
    """GET /callback?state=&code=: back from the provider, on to where the flow began."""
    query, context = call.request.query_params, call.context
    async with context.transaction() as connection:
        found = await connection.execute(select(flow_states).where(flow_states.c.id == query.get("state", "")))
        flow = found.mappings().first()
        if flow is None or flow["expires_at"] < context.now() or flow["auth_code"] is not None:
            return Refusal(400, "bad_oauth_state", "OAuth state not found or expired")
        user = await accounts.find(connection, users.c.id == query.get("code", ""))
        if user is None:
            return Refusal(400, "bad_oauth_callback", "OAuth callback with invalid code")
        providers = accounts.providers(user)
        if PROVIDER not in providers:
            metadata = {**user["app_metadata"], "providers": [*providers, PROVIDER]}
            user = await accounts.change(connection, context, user["id"], app_metadata=metadata)
        if flow["code_challenge"] is not None:
            auth_code = new_id()
            await connection.execute(
                update(flow_states)
                .where(flow_states.c.id == flow["id"])
                .values(auth_code=auth_code, user_id=user["id"], expires_at=context.later(minutes=5))
            )
            return RedirectResponse(answer_at(flow["redirect_to"], query={"code": auth_code}, fragment={}), 302)
        await connection.execute(delete(flow_states).where(flow_states.c.id == flow["id"]))
        session = await sessions.begin(connection, context, user, "oauth", PROVIDER)
    if isinstance(session, Refusal):
        return session
    given = fragment_of(session, provider_token=PROVIDER_TOKEN)
    return RedirectResponse(answer_at(flow["redirect_to"], fragment=given), 302)
