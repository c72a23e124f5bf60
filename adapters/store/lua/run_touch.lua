-- Say when the reconciler comes back to an open run.
-- keys: run open
-- args: run_id due_in_ms

due_run(now_ms() + due_in_ms)
