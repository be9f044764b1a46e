"""Figures shared by reports, map sheets and the page: cartography, charts, colours, HTML tables."""
