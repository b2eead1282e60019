"""The REST API: routers, and the webhook that Supabase calls."""
