"""One inventory of many finished maps."""
