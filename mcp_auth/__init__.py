"""Who is calling? The resource server's side: tokens, Supabase, the local user."""
