"""The kinds of PSA that this package brings: settings, and how each becomes an adapter. Found by entry point."""
