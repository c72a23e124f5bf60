"""What holds for every test: Hypothesis tries the same examples everywhere, and judges no machine by its speed."""

from hypothesis import HealthCheck, settings

settings.register_profile("any machine", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")
