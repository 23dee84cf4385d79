"""An event loop in a thread of its own, on which servers answer."""

import asyncio
import concurrent.futures
import threading
import weakref

from tfgan_suite.serving.event_loop_futures import EventLoopFutures

_NUM_HELPERS = 32  # Threads, at most, for handlers that are plain functions.


class EventLoopThread:
    """Runs an event loop in a thread, until it is stopped or forgotten, or the program ends.

    REST and gRPC share one: their requests are joined in the same calls of the model, and one thread awaits them all.

    Attributes:
        loop: The `asyncio` event loop.
        futures: The loop's `EventLoopFutures`.
        thread: The `threading.Thread`.

    Example:

    >>> event_loop = EventLoopThread()
    >>> event_loop.run(asyncio.sleep(0, "done"))
    'done'
    >>> event_loop.stop()
    """

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(_NUM_HELPERS, "requests"))
        self.thread = threading.Thread(target=self.loop.run_forever, name="event loop", daemon=True)
        self.thread.start()
        self._closers = []
        # For programs that end without calling `stop()`. What closes must not refer to this object.
        self._finalizer = weakref.finalize(self, _end, self.loop, self.thread, self._closers)
        self.futures = self.run(_create(EventLoopFutures))

    def run(self, coroutine):
        """Runs a coroutine on the loop, and returns its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def before_end(self, close) -> None:
        """Registers a coroutine function to be run before the loop ends."""
        self._closers.append(close)

    @property
    def is_running(self) -> bool:
        return self._finalizer.alive

    def stop(self) -> None:
        """Closes what is registered, and ends the loop and its thread."""
        self._finalizer()


async def _create(create):
    return create()


async def _close_all(closers):
    while closers:
        await closers.pop()()


def _end(loop, thread, closers):
    if threading.current_thread() is thread:  # The garbage collector can run in any thread, including the loop's.
        loop.create_task(_close_all(closers)).add_done_callback(lambda _: loop.stop())
        return
    asyncio.run_coroutine_threadsafe(_close_all(closers), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
