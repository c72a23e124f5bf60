"""The feeding step: from the spools of the open runs to a small window of messages in flight, in fair turns."""

from tasks.ports import Ports

LANES = ("targeted", "bulk")  # in the order in which they are served


def feed(ports: Ports, instance: str) -> None:
    """Freeze and publish batches until the window of each lane is full; a repeat finds no room."""
    for lane in LANES:
        window = ports.budgets.window(instance, most=ports.timing.most_in_flight, lane=lane)
        size = batch_size(ports, window)
        while ports.plan.has_room(instance, lane=lane, size=size, window=window):
            batch = ports.plan.freeze_batch(instance, lane=lane, size=size, window=window)
            if batch is None:
                break
            ports.publisher.batch(batch)


def feed_if_room(ports: Ports, instance: str, *, lane: str) -> None:
    """Ask for a feed as soon as a whole batch fits, instead of when the last straggler of a batch is done."""
    window = ports.budgets.window(instance, most=ports.timing.most_in_flight, lane=lane)
    if ports.plan.has_room(instance, lane=lane, size=batch_size(ports, window), window=window):
        ports.publisher.feed(instance)


def batch_size(ports: Ports, window: int) -> int:
    """Return how many users a batch takes: half a window at most, so that one batch drains while the next fills."""
    return max(1, min(ports.timing.batch_size, window // 2))
