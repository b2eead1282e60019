# syntax=docker/dockerfile:1
# Build: the locked dependencies and the program, into a virtual environment that is copied as a whole.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/mcp-auth
WORKDIR /src
COPY requirements.lock ./
RUN /opt/mcp-auth/bin/pip install --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY oauth ./oauth
COPY mcp_auth ./mcp_auth
COPY servers ./servers
COPY migrations ./migrations
RUN /opt/mcp-auth/bin/pip install --no-deps . \
    && /opt/mcp-auth/bin/python -m compileall -q /opt/mcp-auth/lib

# Run: no compiler, no pip cache, no root. The root file system may be read-only; /data is the one place to write,
# and only where the database is SQLite.
FROM python:3.13-slim
ENV PATH=/opt/mcp-auth/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MCP_AUTH_HOST=0.0.0.0 \
    MCP_AUTH_PORT=8000 \
    MCP_AUTH_DATABASE_URL=sqlite:////data/mcp-auth.sqlite
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin mcp-auth \
    && install --directory --owner mcp-auth --group mcp-auth --mode 0700 /data
COPY --from=build /opt/mcp-auth /opt/mcp-auth
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"MCP_AUTH_PORT\"]}/ready', timeout=2)"]
ENTRYPOINT ["mcp-auth"]
CMD ["serve"]
