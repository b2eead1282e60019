"""Operations on clients, users and keys (D-29): one function each, with values and the actor in, and a value out.

Commands call them, and so can administration tools and pages. An operation checks, changes the store, announces
revocations and records what it did (`actor.record`). It prints nothing, reads no settings, and raises one of `problems`
where it cannot be carried out."""
