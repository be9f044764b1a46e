"""Before and after: two dates on one grid, co-registration, radiometric normalisation, and evidence of change."""
