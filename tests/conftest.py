"""What holds for every test: Hypothesis tries the same examples everywhere, and judges no machine by its speed.

`pytest --hypothesis-profile long` tries many others.
"""

from hypothesis import HealthCheck, settings

settings.register_profile("any machine", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "long", settings.get_profile("any machine"), derandomize=False, max_examples=200, print_blob=True
)
settings.load_profile("any machine")
