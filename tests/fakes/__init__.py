"""Working stand-ins for the ports: in memory, no patching."""
