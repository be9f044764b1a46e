"""Tasks of the page and the worker processes that run them."""
