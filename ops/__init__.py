"""What belongs to running, checking and describing the product; nothing here is imported by it."""
