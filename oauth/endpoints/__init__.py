"""The HTTP endpoints: parse, validate, decide, persist, answer, in this order.

The rules are in `oauth.protocol`; an endpoint fetches what a rule needs and turns its result into a response."""
