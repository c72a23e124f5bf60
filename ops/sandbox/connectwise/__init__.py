"""ConnectWise PSA (Manage)."""
