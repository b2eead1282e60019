"""What the probes saw, as values, and how documents and headers are read."""
