"""Figures shared by reports, map sheets and the page: charts, cartography, colours, typography, HTML tables."""
