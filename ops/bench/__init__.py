"""Measurements: commands that print what they counted, and how."""
