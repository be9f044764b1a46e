"""The report of an evaluation: one page that needs nothing else, and the same as JSON."""
