"""Operations on clients, people and keys (D-29): one function each, with values in, a value out, and the actor given.

Commands call them; administration tools and pages are other faces of the same functions. An operation checks, changes
the store, announces revocations and records what it did (`actor.record`). It prints nothing and reads no settings. What
it cannot do is one of `problems`."""
