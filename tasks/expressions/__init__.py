"""Filters, rules and mappings in the words of one small language."""
