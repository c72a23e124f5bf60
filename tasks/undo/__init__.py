"""Undoing a run: what is kept of each write, and how it is put back."""
