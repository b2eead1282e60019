"""GET /health and GET /ready, for load balancers and orchestrators."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from oauth.foundation.outages import RETRY_AFTER_SECONDS
from servers.observability.status import Health, StatusProbe

PATHS = frozenset({"/health", "/ready"})


def health_routes(probe: StatusProbe) -> list[Route]:
    """/health: 200 while the process runs.

    /ready: 200 if the database answers and there are signing keys, else 503."""

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def ready(_: Request) -> JSONResponse:
        database, keys = await probe.check_local()
        is_ready = database is Health.OPERATIONAL and keys is Health.OPERATIONAL
        headers = {"Cache-Control": "no-store"} | ({} if is_ready else {"Retry-After": str(RETRY_AFTER_SECONDS)})
        body = {"status": "ready" if is_ready else "not ready", "database": database, "keys": keys}
        return JSONResponse(body, 200 if is_ready else 503, headers)

    return [Route("/health", health), Route("/ready", ready)]
