"""The local user: a row per Supabase user, with a role."""
