"""Incidents: what goes wrong for whom, and when somebody is told. Once, and once when it is over."""
