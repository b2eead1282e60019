"""Findings from the evidence, one file a subject. Pure: evidence in, findings out."""
