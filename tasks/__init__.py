"""Decides: who is synchronised, which contact is theirs, what changes, and in which order. Sees adapters through ports."""
