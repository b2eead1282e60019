"""`make bench`: ratios to a floor that is measured in the same run. A command, never a timed test."""
