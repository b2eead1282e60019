"""What the two ways to delete an account have in common (SEED-21, SEED-22)."""

from mcp_auth.principal import Principal
from mcp_auth.rest import ApiError
from mcp_auth.supabase.account_deletion import AccountDeletion


async def delete_account(deletion: AccountDeletion | None, principal: Principal) -> None:
    """Delete the caller. ApiError 501 without a key to do it with; Outage when it has to wait, and nothing is lost."""
    if deletion is None:
        raise ApiError(
            501, "ACCOUNT_DELETION_UNAVAILABLE", "Accounts cannot be deleted here. Ask the people in charge."
        )
    await deletion.delete(principal.subject)
