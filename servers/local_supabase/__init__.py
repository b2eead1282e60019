"""A small Supabase Auth for one machine: what `mcp-auth dev` and the tests sign people in with.

It answers over HTTP as the hosted one does, with keys, sessions and error codes of the same shape. It is no place for
accounts of real people, and `mcp-auth serve` never imports it."""

from servers.local_supabase.accounts import DEMO_ACCOUNTS, DemoAccount
from servers.local_supabase.stand_in import LocalSupabase, open_local_supabase

__all__ = ["DEMO_ACCOUNTS", "DemoAccount", "LocalSupabase", "open_local_supabase"]
