"""Reading ahead of a consumer: threads that wait for decoders while it goes on."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from engine.media.workers import Workers

T = TypeVar("T")

_END = object()


@contextmanager
def reading(decoders: Workers) -> Iterator[ThreadPoolExecutor]:
    """A thread for each decoder; an interrupted run waits for neither."""
    pool = ThreadPoolExecutor(decoders.size, thread_name_prefix="read")
    try:
        yield pool
    except BaseException:
        decoders.close()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def ahead(stream: Iterator[T], count: int) -> Iterator[Iterator[T]]:
    """The same items in the same order, at most `count` of them made before they are taken.

    An exception of the stream is raised where its item would have come. Nothing is read before
    the first item is asked for; leaving the context stops the reading. A run that is stopped does
    not wait for the item that is being made: whoever makes it is about to be ended.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    waits = True
    try:
        yield _taken(pool, stream, count)
    except BaseException as error:
        waits = isinstance(error, Exception)
        raise
    finally:
        pool.shutdown(wait=waits, cancel_futures=True)


def _taken(pool: ThreadPoolExecutor, stream: Iterator[T], count: int) -> Iterator[T]:
    waiting: deque[Future[T | object]] = deque()
    while True:
        while len(waiting) < count:
            waiting.append(pool.submit(next, stream, _END))
        item = waiting.popleft().result()
        if item is _END:
            return
        yield item  # type: ignore[misc]
