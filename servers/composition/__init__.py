"""Builds the application from settings: people, verifiers, MCP servers, API, authorization server, periodic tasks.

The only folder that knows every part. Decides nothing."""
