"""Vocabulary, clock, secrets, and the bounded caches and queues that everything else uses.

No I/O and no protocol rules. Imports nothing from the project."""
