"""Composes settings, adapters and tasks into a Celery application and its faces; nothing imports it."""

import gc

YOUNG_OBJECTS = 20_000  # between two looks for garbage; CPython's 700 make those a seventh of each command's start

gc.set_threshold(YOUNG_OBJECTS)
