"""Binds pages to one browser, by three cookies and by a token in each form that only that browser can know.

The browser cookie binds authorization requests to the browser that started them. The session cookie identifies the
signed-in user. The return cookie, set while the browser is at a provider, names the request that it comes back to. All
are random, and the store knows only their digests."""

import hmac
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from oauth.authorization_server import AuthorizationServer
from oauth.foundation import base64url, credentials
from oauth.foundation.credentials import digest
from oauth.foundation.vocabulary import Digest, Subject
from oauth.protocol.models import AuthorizationRequest, SignInSession
from oauth.protocol.resource_owners import ResourceOwner
from oauth.protocol.settings import Settings
from oauth.stores.ports import SignIn

_BROWSER = "mcp_auth_browser"
_SESSION = "mcp_auth_session"
_RETURN = "mcp_auth_return"


def browser_secret(request: Request, server: AuthorizationServer) -> str | None:
    """The secret in the browser cookie; None without one."""
    return request.cookies.get(_cookie_name(_BROWSER, server.settings))


def bind_browser(response: Response, secret: str, server: AuthorizationServer) -> None:
    """Set the browser cookie, which lasts until the browser is closed."""
    _set_cookie(response, _BROWSER, secret, server.settings)


def is_bound(authorization_request: AuthorizationRequest, request: Request, server: AuthorizationServer) -> bool:
    """Did this browser start the authorization request?"""
    secret = browser_secret(request, server)
    return secret is not None and hmac.compare_digest(digest(secret), authorization_request.browser)


def form_token(secret: str, handle: str, subject: Subject | None = None) -> str:
    """The token that a form sends back, against CSRF: only the holder of the browser cookie can compute it.

    subject: the user whose account the page names, where it asks for a decision; adds a second MAC after a dot."""
    token = _mac(secret, handle)
    return token if subject is None else f"{token}.{_mac(secret, f'{handle} {subject}')}"


def form_token_matches(sent: str | None, secret: str | None, handle: str) -> bool:
    """Was this form made for this browser and request?"""
    return (
        sent is not None
        and secret is not None
        and hmac.compare_digest(sent.partition(".")[0].encode(), form_token(secret, handle).encode())
    )


def form_token_names_account(sent: str | None, secret: str, handle: str, subject: Subject) -> bool:
    """Was this form on a page that named this account?"""
    return sent is not None and hmac.compare_digest(sent.encode(), form_token(secret, handle, subject).encode())


def _mac(secret: str, form: str) -> str:
    mac = hmac.digest(
        secret.encode("utf-8", "surrogatepass"), b"form " + form.encode("utf-8", "surrogatepass"), "sha256"
    )
    return base64url.encode(mac)


def remember_return(response: Response, handle: str, server: AuthorizationServer) -> None:
    """Set the return cookie before the browser goes to a provider."""
    lifetime = int(server.settings.authorization_request_lifetime.total_seconds())
    _set_cookie(response, _RETURN, handle, server.settings, max_age=lifetime)


def returning_handle(request: Request, server: AuthorizationServer) -> str | None:
    """The handle in the return cookie; None without one."""
    return request.cookies.get(_cookie_name(_RETURN, server.settings))


def forget_return(response: Response, server: AuthorizationServer) -> None:
    """Delete the return cookie."""
    _set_cookie(response, _RETURN, "", server.settings, max_age=0)


async def current_session(request: Request, server: AuthorizationServer) -> SignInSession | None:
    """The sign-in session of this browser; None where there is none or it has expired."""
    secret = request.cookies.get(_cookie_name(_SESSION, server.settings))
    if secret is None:
        return None
    session = await server.store.people.session(digest(secret))
    return session if session is not None and server.clock() < session.expires_at else None


async def begin_session(
    request: Request,
    response: Response,
    owner: ResourceOwner,
    server: AuthorizationServer,
    *,
    request_digest: Digest,
    attempts: Sequence[Digest],
) -> None:
    """Sign the browser in with a new session, which replaces the former one in the same transaction.

    request_digest: digest of the authorization request that the user signed in for.
    attempts: counters to reset."""
    secret = credentials.new_secret("ss_", server.entropy)
    lifetime, now = server.settings.sign_in_session_lifetime, server.clock()
    session = SignInSession(digest(secret), owner.subject, owner.account, owner.auth_time, owner.acr, now + lifetime)
    former = request.cookies.get(_cookie_name(_SESSION, server.settings))
    await server.store.people.sign_in(
        SignIn(
            session,
            at=now,
            former_session=None if former is None else digest(former),
            request=request_digest,
            attempts=attempts,
            links=_identity_links(owner, server),
            writes=owner.writes,
        )
    )
    _set_cookie(response, _SESSION, secret, server.settings, max_age=int(lifetime.total_seconds()))


def _identity_links(owner: ResourceOwner, server: AuthorizationServer) -> Sequence[tuple[str, str]]:
    """Issuer and subject of the user's identities at trusted issuers. Signing in through one links it to the user."""
    return [
        (trusted.issuer, identity.subject)
        for identity in owner.identities
        for trusted in server.settings.trusted_issuers
        if trusted.provider == identity.provider
    ]


async def end_session(request: Request, response: Response, server: AuthorizationServer) -> None:
    """Sign the browser out: delete its session and the cookie."""
    secret = request.cookies.get(_cookie_name(_SESSION, server.settings))
    if secret is not None:
        await server.store.people.remove_session(digest(secret))
        _set_cookie(response, _SESSION, "", server.settings, max_age=0)


def _cookie_name(name: str, settings: Settings) -> str:
    """Add the prefix that pins a cookie to this host and to https. Plain http on loopback cannot use it."""
    return f"__Host-{name}" if settings.is_https else name


def _set_cookie(response: Response, name: str, value: str, settings: Settings, max_age: int | None = None) -> None:
    response.set_cookie(
        _cookie_name(name, settings),
        value,
        max_age=max_age,
        path="/",
        secure=settings.is_https,
        httponly=True,
        samesite="lax",
    )
