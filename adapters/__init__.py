"""Speaks to the outside; takes and returns our records; knows no plan, no task, no Celery."""
