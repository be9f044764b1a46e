"""The HTML and JSON report of an evaluation."""
