"""Composes settings, adapters and tasks into a Celery application and its faces; nothing imports it."""

import gc as _gc

_gc.set_threshold(20_000)  # CPython's 700: looking for garbage among what is imported is a seventh of a command's start
