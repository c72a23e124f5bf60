"""Stands first on the path of the product's processes: of the environment's packages, this one is the checks' alone.

redis-py imports it where it finds it, which costs each process some megabytes that no installation pays."""

raise ImportError("not among the product's own packages")
