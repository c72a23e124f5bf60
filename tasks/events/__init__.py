"""Changes that are told or asked for between the schedules: a hint, never the truth."""
