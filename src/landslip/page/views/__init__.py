"""Views of the page, one file each, and the parts they share."""
