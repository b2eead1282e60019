"""Rows ↔ records: the one place that knows how a record is spelled in columns.

Every `*_of` takes the columns in the order of the table, as either driver or SQLAlchemy returns them."""

from collections.abc import Sequence
from typing import Any

from oauth.database.timestamps import from_micros, optional_instant, optional_micros, to_micros
from oauth.flow_history.events import FlowStep
from oauth.foundation.vocabulary import Digest, ResourceIndicator, Scope, Step
from oauth.protocol import scope
from oauth.protocol.models import (
    AuthorizationCode,
    AuthorizationRequest,
    Client,
    ClientAuthenticationMethod,
    Grant,
    GrantType,
    PushedRequest,
    RefreshToken,
    Registration,
    Revocation,
    RevocationKind,
    SignInSession,
)
from oauth.protocol.redirect_uri import RedirectTarget
from oauth.stores.ports import StoredSigningKey

Row = Sequence[Any]
Values = dict[str, Any]


def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(map(Scope, text.split()))


def _digest(value: bytes | None) -> Digest | None:
    return None if value is None else Digest(value)


def client_of(row: Row) -> Client:
    """A row of `clients`."""
    client_id, registration, name, uris, method, secret, grant_types, default_scope, created_at, *rest = row
    expires_at, jwks, fresh_until, former_secret, disabled_at, introspects, *rest = rest
    jwks_uri, registration_token, registered_as, pushed, dpop_bound, configured = rest
    return Client(
        client_id=client_id,
        registration=Registration(registration),
        name=name,
        redirect_uris=tuple(uris.split()),
        authentication_method=ClientAuthenticationMethod(method),
        secret_digest=_digest(secret),
        grant_types=frozenset(map(GrantType, grant_types.split())),
        scope=_scopes(default_scope),
        created_at=from_micros(created_at),
        expires_at=optional_instant(expires_at),
        jwks=jwks,
        fresh_until=optional_instant(fresh_until),
        former_secret_digest=_digest(former_secret),
        disabled_at=optional_instant(disabled_at),
        introspects=frozenset(map(ResourceIndicator, introspects.split())),
        jwks_uri=jwks_uri,
        registration_token_digest=_digest(registration_token),
        registered_as=_digest(registered_as),
        requires_pushed_requests=bool(pushed),
        dpop_bound=bool(dpop_bound),
        is_configured=bool(configured),
    )


def client_values(client: Client) -> Values:
    """For `clients`."""
    return {
        "client_id": client.client_id,
        "registration": client.registration.value,
        "name": client.name,
        "redirect_uris": " ".join(client.redirect_uris),
        "authentication_method": client.authentication_method.value,
        "secret_digest": client.secret_digest,
        "grant_types": " ".join(sorted(client.grant_types)),
        "scope": scope.to_text(client.scope),
        "created_at": to_micros(client.created_at),
        "expires_at": optional_micros(client.expires_at),
        "jwks": client.jwks,
        "fresh_until": optional_micros(client.fresh_until),
        "former_secret_digest": client.former_secret_digest,
        "disabled_at": optional_micros(client.disabled_at),
        "introspects": " ".join(sorted(client.introspects)),
        "jwks_uri": client.jwks_uri,
        "registration_token_digest": client.registration_token_digest,
        "registered_as": client.registered_as,
        "requires_pushed_requests": int(client.requires_pushed_requests),
        "dpop_bound": int(client.dpop_bound),
        "is_configured": int(client.is_configured),
    }


def authorization_request_of(row: Row) -> AuthorizationRequest:
    """A row of `authorization_requests`."""
    (
        handle,
        browser,
        client_id,
        uri,
        state,
        asked,
        resource,
        challenge,
        query,
        expires_at,
        decided_at,
        answer,
        progress,
        dpop_jkt,
        flow_id,
    ) = row
    return AuthorizationRequest(
        digest=Digest(handle),
        browser=Digest(browser),
        client_id=client_id,
        target=RedirectTarget(uri, state),
        scope=_scopes(asked),
        resource=resource,
        code_challenge=challenge,
        query=query,
        expires_at=from_micros(expires_at),
        decided_at=optional_instant(decided_at),
        sealed_answer=answer,
        sealed_progress=progress,
        dpop_jkt=dpop_jkt,
        flow_id=flow_id,
    )


def authorization_request_values(request: AuthorizationRequest) -> Values:
    """For `authorization_requests`."""
    return {
        "digest": request.digest,
        "browser": request.browser,
        "client_id": request.client_id,
        "redirect_uri": request.target.uri,
        "state": request.target.state,
        "scope": scope.to_text(request.scope),
        "resource": request.resource,
        "code_challenge": request.code_challenge,
        "query": request.query,
        "expires_at": to_micros(request.expires_at),
        "decided_at": optional_micros(request.decided_at),
        "sealed_answer": request.sealed_answer,
        "sealed_progress": request.sealed_progress,
        "dpop_jkt": request.dpop_jkt,
        "flow_id": request.flow_id,
    }


def pushed_request_of(row: Row) -> PushedRequest:
    """A row of `pushed_requests`."""
    reference, client_id, query, expires_at, flow_id = row
    return PushedRequest(Digest(reference), client_id, query, from_micros(expires_at), flow_id)


def pushed_request_values(request: PushedRequest) -> Values:
    """For `pushed_requests`."""
    return {
        "digest": request.digest,
        "client_id": request.client_id,
        "query": request.query,
        "expires_at": to_micros(request.expires_at),
        "flow_id": request.flow_id,
    }


def grant_of(row: Row) -> Grant:
    """A row of `grants`."""
    grant_id, subject, client_id, resource, granted, auth_time, acr, created_at, expires_at, revoked_at, flow_id = row
    return Grant(
        grant_id=grant_id,
        subject=subject,
        client_id=client_id,
        resource=resource,
        scope=_scopes(granted),
        auth_time=from_micros(auth_time),
        acr=acr,
        created_at=from_micros(created_at),
        expires_at=from_micros(expires_at),
        revoked_at=optional_instant(revoked_at),
        flow_id=flow_id,
    )


def grant_values(grant: Grant) -> Values:
    """For `grants`."""
    return {
        "grant_id": grant.grant_id,
        "subject": grant.subject,
        "client_id": grant.client_id,
        "resource": grant.resource,
        "scope": scope.to_text(grant.scope),
        "auth_time": to_micros(grant.auth_time),
        "acr": grant.acr,
        "created_at": to_micros(grant.created_at),
        "expires_at": to_micros(grant.expires_at),
        "revoked_at": optional_micros(grant.revoked_at),
        "flow_id": grant.flow_id,
    }


def authorization_code_of(row: Row, grant: Grant) -> AuthorizationCode:
    """A row of `authorization_codes`, with its grant."""
    code, _, redirect_uri, challenge, expires_at, redeemed_at, dpop_jkt = row
    return AuthorizationCode(
        digest=Digest(code),
        grant=grant,
        redirect_uri=redirect_uri,
        code_challenge=challenge,
        expires_at=from_micros(expires_at),
        redeemed_at=optional_instant(redeemed_at),
        dpop_jkt=dpop_jkt,
    )


def authorization_code_values(code: AuthorizationCode) -> Values:
    """For `authorization_codes`."""
    return {
        "digest": code.digest,
        "grant_id": code.grant.grant_id,
        "redirect_uri": code.redirect_uri,
        "code_challenge": code.code_challenge,
        "expires_at": to_micros(code.expires_at),
        "redeemed_at": optional_micros(code.redeemed_at),
        "dpop_jkt": code.dpop_jkt,
    }


def refresh_token_of(row: Row, grant: Grant, *, successor_seen: bool) -> RefreshToken:
    """A row of `refresh_tokens`, with its grant and what its successor's row says."""
    token, _, generation, expires_at, superseded_at, sealed_successor, _, dpop_jkt = row
    return RefreshToken(
        digest=Digest(token),
        grant=grant,
        generation=generation,
        expires_at=from_micros(expires_at),
        superseded_at=optional_instant(superseded_at),
        sealed_successor=sealed_successor,
        successor_seen=successor_seen,
        dpop_jkt=dpop_jkt,
    )


def sign_in_session_of(row: Row) -> SignInSession:
    """A row of `sign_in_sessions`."""
    cookie, subject, account, auth_time, acr, expires_at = row
    return SignInSession(Digest(cookie), subject, account, from_micros(auth_time), acr, from_micros(expires_at))


def sign_in_session_values(session: SignInSession) -> Values:
    """For `sign_in_sessions`."""
    return {
        "digest": session.digest,
        "subject": session.subject,
        "account": session.account,
        "auth_time": to_micros(session.auth_time),
        "acr": session.acr,
        "expires_at": to_micros(session.expires_at),
    }


def signing_key_of(row: Row) -> StoredSigningKey:
    """A row of `signing_keys`."""
    number, kid, algorithm, public_jwk, sealed, created_at, signs_from = row
    return StoredSigningKey(
        number, kid, algorithm, public_jwk, sealed, from_micros(created_at), from_micros(signs_from)
    )


def signing_key_values(key: StoredSigningKey) -> Values:
    """For `signing_keys`."""
    return {
        "number": key.number,
        "kid": key.kid,
        "algorithm": key.algorithm,
        "public_jwk": key.public_jwk,
        "sealed_private_key": key.sealed_private_key,
        "created_at": to_micros(key.created_at),
        "signs_from": to_micros(key.signs_from),
    }


def revocation_of(row: Row) -> Revocation:
    """A row of `revocations`."""
    _, kind, value, recorded_at, expires_at = row
    return Revocation(RevocationKind(kind), value, from_micros(recorded_at), from_micros(expires_at))


def revocation_values(revocation: Revocation) -> Values:
    """For `revocations`."""
    return {
        "kind": revocation.kind.value,
        "value": revocation.value,
        "recorded_at": to_micros(revocation.recorded_at),
        "expires_at": to_micros(revocation.expires_at),
    }


def flow_step_of(row: Row) -> FlowStep:
    """A row of `flow_steps`."""
    _, flow_id, recorded_at, step, reason, error, description, client_id, resource, network, request_id, *rest = row
    return FlowStep(
        flow_id=flow_id,
        recorded_at=from_micros(recorded_at),
        step=Step(step),
        reason=reason,
        error=error,
        description=description,
        client_id=client_id,
        resource=resource,
        network=_digest(network),
        request_id=request_id,
        grant_id=rest[0],
    )


def flow_step_values(step: FlowStep) -> Values:
    """For `flow_steps`."""
    return {
        "flow_id": step.flow_id,
        "recorded_at": to_micros(step.recorded_at),
        "step": step.step.value,
        "reason": step.reason,
        "error": step.error,
        "description": step.description,
        "client_id": step.client_id,
        "resource": step.resource,
        "network": step.network,
        "request_id": step.request_id,
        "grant_id": step.grant_id,
        "expires_at": to_micros(step.expires_at),
    }
