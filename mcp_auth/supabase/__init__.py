"""The clients of Supabase Auth, and the caches and tables of its answers."""
