"""Tools of the program. A tool sees a Principal, never a token."""
