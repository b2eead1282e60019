"""Signing a person in, by password, code, link, provider or second factor, for a pending authorization request.

Supabase checks the proof; these endpoints keep the progress and count attempts."""
