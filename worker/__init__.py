"""Composes settings, adapters and tasks into a Celery application and its faces; nothing imports it."""
