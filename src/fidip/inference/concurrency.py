"""Work before and behind the network, in threads of its own, through queues of a bounded length.

Decoding, computing and encoding leave Python's lock to one another, so that a video costs what its
slowest part costs. However long it is, no more than the queues' frames are held.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from queue import Empty, Full, Queue
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Generic, TypeVar, cast

T = TypeVar("T")

POLL_S = 0.5
"""Longest wait for an item. A Ctrl-C inside ``Queue.put`` can swallow the next notification, so waiting
without a limit could wait for ever."""


def prefetch(items: Iterable[T], depth: int = 8) -> Generator[T]:
    """The items, made up to ``depth`` ahead by a thread of their own; its error is raised here."""
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
    """The newest of the items that a thread of its own makes; older ones are left out.

    The last item always comes, and then the thread's error, if there is one.
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
    """Calls a function with one item after another, in a thread that may lag ``depth`` behind.

    Leaving the context waits for the last of them, interrupted or not.

    Args:
        function: what to do with an item.
        depth: items that wait before ``put`` does.
    """

    def __init__(self, function: Callable[[T], object], depth: int = 8) -> None:
        self._function = function
        self._queue: Queue[tuple[T | None, bool]] = Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._is_closed = False
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """Hand an item over; raises what the function raised on an earlier one."""
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
            if self._error is None:  # else the rest is emptied, so that nobody waits
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
