"""Decides who is synchronised, which contact is theirs, what changes and when. Sees adapters through ports."""
