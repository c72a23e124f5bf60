"""HaloPSA."""
