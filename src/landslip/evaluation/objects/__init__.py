"""Landslides as a person counts them: found, missed, false alarms, their sizes and outlines."""
