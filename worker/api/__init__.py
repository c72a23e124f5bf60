"""The HTTP face: what others ask of us, and what Graph tells us."""
