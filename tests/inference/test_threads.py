"""Queues between threads: order, bounds, errors."""

import collections
import time
from threading import Lock

import pytest

from fidip.core.errors import DataError
from fidip.inference import BackgroundConsumer, latest, prefetch


def test_prefetched_items_come_in_order_and_errors_come_last():
    def items():
        yield from range(20)
        raise DataError("broken")

    seen = []
    with pytest.raises(DataError, match="broken"):
        collections.deque(map(seen.append, prefetch(items(), depth=2)))
    assert seen == list(range(20))


def test_no_more_is_made_ahead_than_allowed():
    made = []
    stream = prefetch((made.append(i) or i for i in range(100)), depth=3)
    next(stream)
    time.sleep(0.3)
    assert len(made) <= 6  # taken, waiting, and in the hand
    stream.close()


def test_items_are_worked_on_in_order_and_all_of_them():
    seen = []
    with BackgroundConsumer(lambda item: (time.sleep(0.001), seen.append(item)), depth=2) as behind:
        for item in range(30):
            behind.put(item)
    assert seen == list(range(30))


def test_an_interrupt_leaves_what_was_handed_over_done():
    seen = []

    def interrupted():
        with BackgroundConsumer(seen.append) as behind:
            behind.put(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert seen == [1]


def test_a_lost_notification_does_not_block_the_end():
    """Simulate Ctrl-C inside ``Condition.notify``, before it wakes the waiting thread."""
    done = []
    with BackgroundConsumer(done.append) as consumer:
        consumer.put(1)
        while not done:
            time.sleep(0.01)
        time.sleep(0.1)  # the thread waits for the next item
        consumer._queue.not_empty._waiters.appendleft(stale := Lock())
        stale.acquire()
    # the end was announced to the stale waiter only
    assert done == [1]


def test_an_error_behind_comes_to_the_front():
    def fail(item):
        raise DataError("disk full")

    def hand_over():
        with BackgroundConsumer(fail, depth=1) as behind:
            for item in range(50):
                behind.put(item)

    with pytest.raises(DataError, match="disk full"):
        hand_over()


def test_only_the_newest_item_is_taken_and_the_last_always_comes():
    def items():
        for number in range(50):
            time.sleep(0.005)
            yield number

    seen = []
    for item in latest(items()):
        seen.append(item)
        time.sleep(0.05)
    assert seen == sorted(set(seen))
    assert len(seen) < 25
    assert seen[-1] == 49


def test_items_that_come_slowly_are_all_taken_and_an_error_comes_last():
    def items():
        for number in range(3):
            time.sleep(0.05)
            yield number
        raise DataError("broken")

    seen = []
    with pytest.raises(DataError, match="broken"):
        collections.deque(map(seen.append, latest(items())))
    assert seen == [0, 1, 2]


def test_the_thread_ends_when_the_newest_items_are_wanted_no_more():
    made = []

    def items():
        while True:
            time.sleep(0.005)
            made.append(0)
            yield 0

    stream = latest(items())
    next(stream)
    stream.close()
    count = len(made)
    time.sleep(0.1)
    assert len(made) == count
