"""The program's own tools. A tool gets a Principal, never a token."""
