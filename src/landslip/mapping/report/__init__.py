"""Overview picture and HTML report of a map."""
