"""What ties a page to one browser: cookies, and a token in each form that only that browser can know.

The browser cookie binds authorization requests to the browser that began them; the session cookie says who is
signed in; a third one, while the browser is at a provider, which request it comes back to. All are random, the store
knows their digests alone."""

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
    """The secret of this browser, if it has one."""
    return request.cookies.get(_name(_BROWSER, server.settings))


def bind_browser(response: Response, secret: str, server: AuthorizationServer) -> None:
    """Give the browser its secret; it keeps it until it is closed."""
    _set_cookie(response, _BROWSER, secret, server.settings)


def is_bound(asked: AuthorizationRequest, request: Request, server: AuthorizationServer) -> bool:
    """Did this browser begin the request?"""
    secret = browser_secret(request, server)
    return secret is not None and hmac.compare_digest(digest(secret), asked.browser)


def form_token(secret: str, handle: str, subject: Subject | None = None) -> str:
    """What a form has to send back: only who holds the cookie can make it (F-4). subject: whose account the page names,
    where it asks for a decision; that stands behind a dot."""
    token = _mac(secret, handle)
    return token if subject is None else f"{token}.{_mac(secret, f'{handle} {subject}')}"


def form_token_matches(sent: str | None, secret: str | None, handle: str) -> bool:
    """Was this form made for this browser and request?"""
    return (
        sent is not None
        and secret is not None
        and hmac.compare_digest(sent.partition(".")[0].encode(), form_token(secret, handle).encode())
    )


def form_names(sent: str | None, secret: str, handle: str, subject: Subject) -> bool:
    """Did the page that it was on name this account?"""
    return sent is not None and hmac.compare_digest(sent.encode(), form_token(secret, handle, subject).encode())


def _mac(secret: str, form: str) -> str:
    mac = hmac.digest(
        secret.encode("utf-8", "surrogatepass"), b"form " + form.encode("utf-8", "surrogatepass"), "sha256"
    )
    return base64url.encode(mac)


def remember_return(response: Response, handle: str, server: AuthorizationServer) -> None:
    """The browser goes to a provider: note which request it comes back to."""
    lifetime = int(server.settings.authorization_request_lifetime.total_seconds())
    _set_cookie(response, _RETURN, handle, server.settings, max_age=lifetime)


def returning_handle(request: Request, server: AuthorizationServer) -> str | None:
    """The request that a browser went away for."""
    return request.cookies.get(_name(_RETURN, server.settings))


def forget_return(response: Response, server: AuthorizationServer) -> None:
    """It has come back."""
    _set_cookie(response, _RETURN, "", server.settings, max_age=0)


async def current_session(request: Request, server: AuthorizationServer) -> SignInSession | None:
    """Who is signed in at this browser."""
    secret = request.cookies.get(_name(_SESSION, server.settings))
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
    answered: Digest,
    attempts: Sequence[Digest],
) -> None:
    """Sign the browser in with a new secret, in place of the former session, in one transaction.

    answered: the authorization request that the person signed in for. attempts: counters that begin anew."""
    secret = credentials.new_secret("ss_", server.entropy)
    lifetime, now = server.settings.sign_in_session_lifetime, server.clock()
    session = SignInSession(digest(secret), owner.subject, owner.account, owner.auth_time, owner.acr, now + lifetime)
    former = request.cookies.get(_name(_SESSION, server.settings))
    await server.store.people.sign_in(
        SignIn(
            session,
            at=now,
            former_session=None if former is None else digest(former),
            request=answered,
            attempts=attempts,
            links=_links(owner, server),
            writes=owner.writes,
        )
    )
    _set_cookie(response, _SESSION, secret, server.settings, max_age=int(lifetime.total_seconds()))


def _links(owner: ResourceOwner, server: AuthorizationServer) -> Sequence[tuple[str, str]]:
    """Identities at providers whose assertions count: signing in through one links the person to it."""
    return [
        (trusted.issuer, identity.subject)
        for identity in owner.identities
        for trusted in server.settings.trusted_issuers
        if trusted.provider == identity.provider
    ]


async def end_session(request: Request, response: Response, server: AuthorizationServer) -> None:
    """Sign the browser out."""
    secret = request.cookies.get(_name(_SESSION, server.settings))
    if secret is not None:
        await server.store.people.remove_session(digest(secret))
        _set_cookie(response, _SESSION, "", server.settings, max_age=0)


def _name(name: str, settings: Settings) -> str:
    """With the prefix that pins a cookie to this host and to https; plain http on loopback cannot have it."""
    return f"__Host-{name}" if settings.is_https else name


def _set_cookie(response: Response, name: str, value: str, settings: Settings, max_age: int | None = None) -> None:
    response.set_cookie(
        _name(name, settings),
        value,
        max_age=max_age,
        path="/",
        secure=settings.is_https,
        httponly=True,
        samesite="lax",
    )
