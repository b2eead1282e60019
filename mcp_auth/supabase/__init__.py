"""Everything that speaks to Supabase Auth."""
