"""Background threads before and after the network, connected by bounded queues.

Decoding, inference and encoding release Python's global lock, so the throughput is that of the
slowest stage. Memory is limited by the length of the queues.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from queue import Empty, Full, Queue
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Generic, TypeVar, cast

T = TypeVar("T")

POLL_S = 0.5
"""Maximum wait for an item in s.

A Ctrl-C inside ``Queue.put`` can lose the next notification, so an unlimited wait could block
forever.
"""


def prefetch(items: Iterable[T], depth: int = 8) -> Generator[T]:
    """Iterate over items that a background thread produces ahead.

    Args:
        items: items to iterate over.
        depth: maximum number of items that are produced ahead.

    Raises:
        BaseException: the error that ``items`` raised.

    Example:
        >>> list(prefetch(range(3)))
        [0, 1, 2]
    """
    queue: Queue[tuple[T | None, BaseException | None, bool]] = Queue(maxsize=depth)
    stopped = Event()

    def put(entry: tuple[T | None, BaseException | None, bool]) -> bool:
        while not stopped.is_set():
            try:
                queue.put(entry, timeout=0.1)
                return True
            except Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put((item, None, False)):
                    return
            put((None, None, True))
        except BaseException as error:
            put((None, error, True))

    thread = Thread(target=produce, daemon=True)
    thread.start()
    try:
        while True:
            item, error, is_last = queue.get()
            if error is not None:
                raise error
            if is_last:
                return
            yield cast(T, item)
    finally:
        stopped.set()
        thread.join()


def latest(items: Iterable[T]) -> Generator[T]:
    """Iterate over the newest items of a background thread, and skip older ones.

    The last item is always returned.

    Args:
        items: items to iterate over.

    Raises:
        BaseException: the error that ``items`` raised, after the last item.

    Example:
        >>> list(latest(range(3)))[-1]
        2
    """
    slot: list[T] = []
    ready, error = Condition(), None
    is_ended = is_stopped = False

    def produce() -> None:
        nonlocal error, is_ended
        try:
            for item in items:
                with ready:
                    slot[:] = [item]
                    ready.notify()
                if is_stopped:
                    return
        except BaseException as raised:
            error = raised
        finally:
            with ready:
                is_ended = True
                ready.notify()

    thread = Thread(target=produce, daemon=True)
    thread.start()
    try:
        while True:
            with ready:
                ready.wait_for(lambda: slot or is_ended)
                item = slot.pop() if slot else None
            if item is None:
                break
            yield item
    finally:
        is_stopped = True
        thread.join()
    if error is not None:
        raise error


class BackgroundConsumer(Generic[T]):
    """Background thread that calls a function with each item, in order.

    Leaving the context waits until all items are processed, also after an interrupt.

    Args:
        function: called with each item.
        depth: maximum number of waiting items; further calls of ``put`` block.

    Example:
        >>> found = []
        >>> with BackgroundConsumer(found.append) as consumer:
        ...     consumer.put(1)
        >>> found
        [1]
    """

    def __init__(self, function: Callable[[T], object], depth: int = 8) -> None:
        self._function = function
        self._queue: Queue[tuple[T | None, bool]] = Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._is_closed = False
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Add an item.

        Args:
            item: item for the function.

        Raises:
            BaseException: the function raised this error on an earlier item.
        """
        if self._error is not None:
            raise self._error
        self._queue.put((item, False))

    def _run(self) -> None:
        while True:
            try:
                item, is_last = self._queue.get(timeout=POLL_S)
            except Empty:
                if self._is_closed:
                    return
                continue
            if is_last:
                return
            if self._error is None:  # after an error, empty the queue so that put never blocks
                try:
                    self._function(cast(T, item))
                except BaseException as error:
                    self._error = error

    def __enter__(self) -> BackgroundConsumer[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_closed = True
        self._queue.put((None, True))
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error
