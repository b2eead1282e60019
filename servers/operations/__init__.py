"""Operations on clients and people, one function each: values in, a value out, the actor given.

Commands call them today, administration tools and pages later. An operation checks, changes the store, announces
revocations and returns what happened; it prints nothing."""
