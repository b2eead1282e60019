"""Where grants are kept: one contract, on SQLite and on PostgreSQL (D-22)."""
