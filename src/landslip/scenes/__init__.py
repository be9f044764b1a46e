"""Rasters of one area on one grid: channels by name, units, dates, validity."""
