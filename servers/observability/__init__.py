"""Logs, error reports, status and version: what operators see of a running node."""
