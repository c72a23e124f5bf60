-- Tell whether a process counts as alive.
-- keys: beats
-- args: incarnation

return alive(incarnation .. '/', now_ms()) and 1 or 0
