"""A stage for Flower: an application whose tasks are named and described as the product's are, and take their time."""

import os
import sys
import time

from celery import Celery

from worker.flower import flower_options, serve_flower

app = Celery("stage", broker=os.environ["STAGE_REDIS_URL"])
app.conf.update(
    task_default_queue="upsert",
    task_ignore_result=True,
    worker_send_task_events=True,
    broker_transport_options={"priority_steps": [0]},
)


@app.task(name="sync.upsert_contact")
def upsert_contact(run_id: str, user_id: str) -> None:
    """Take as long as somebody needs to look."""
    del run_id, user_id
    time.sleep(60)


def main() -> None:
    """Be the part that the first argument names."""
    if sys.argv[1] == "worker":
        app.worker_main(["worker", "--pool=threads", "--concurrency=4", "--loglevel=warning"])
    else:
        read_only = "--operations" not in sys.argv
        serve_flower(app, flower_options(sys.argv[2], basic_auth=os.environ["STAGE_AUTH"], read_only=read_only))


if __name__ == "__main__":
    main()
