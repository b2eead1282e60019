"""Everything that speaks to Supabase Auth, and what is remembered of its answers."""
