"""Files without a domain: atomic writes, locks, downloads, archives, and the base of all validated values."""
