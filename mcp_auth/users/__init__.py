"""The local user: one row per Supabase user, with a role."""
