"""The audit of a connector: which contacts are the same person, and how complete the profiles are. It only reads."""
