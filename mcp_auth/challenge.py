"""The Bearer challenge (RFC 6750 §3, RFC 9728 §5.1): what a client needs to get in (D-15)."""

from oauth.resources import Resource
from oauth.scope import to_text
from oauth.vocabulary import ErrorCode, Scope


def unauthenticated(resource: Resource) -> str:
    """No token was sent: where to get one and what to ask for, and no error code (RFC 6750 §3.1)."""
    return f'Bearer resource_metadata="{resource.document_url}", scope="{to_text(resource.baseline)}"'


def invalid_token(resource: Resource, description: str) -> str:
    """The token that was sent is no good. description: of ours, without quotes or backslashes."""
    return f'{unauthenticated(resource)}, error="{ErrorCode.INVALID_TOKEN}", error_description="{description}"'


def insufficient_scope(resource: Resource, needed: frozenset[Scope], description: str) -> str:
    """The token is good for less: all scopes of the operation, in one challenge (MCP authorization, step-up)."""
    return (
        f'Bearer error="{ErrorCode.INSUFFICIENT_SCOPE}", scope="{to_text(needed)}", '
        f'resource_metadata="{resource.document_url}", error_description="{description}"'
    )
