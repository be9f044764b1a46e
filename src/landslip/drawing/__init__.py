"""Pictures for people: text that fits, outlines that are seen, scale bars, colours, figures with units."""
