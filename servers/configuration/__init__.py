"""Settings: reading the environment and `mcp-auth.toml`, checking them, handing out frozen values."""
