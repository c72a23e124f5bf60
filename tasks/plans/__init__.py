"""Plans that wait for a person: kept, approved, carried out line by line, shown."""
