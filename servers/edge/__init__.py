"""What every request passes first: host and origin checks, CORS, request ids, limits, routing, health."""
