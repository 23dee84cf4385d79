"""Lets coroutines wait for futures that threads complete."""

import asyncio
import collections
import contextlib


class EventLoopFutures:
    """An `asyncio.wrap_future` for many futures that complete together, such as the requests of a joined call.

    Each future wrapped by `asyncio` wakes the event loop separately, so the thread that completes them and the loop's
    thread alternate for every single one. Here, futures that complete before the loop has woken up share one wake-up.

    An object belongs to the event loop on which it was created.
    """

    def __init__(self):
        self._loop = asyncio.get_running_loop()
        self._done = collections.deque()

    async def result(self, future):
        """Waits for a `concurrent.futures.Future` and returns its result. Cancelling the wait cancels the future."""
        waiter = self._loop.create_future()
        future.add_done_callback(lambda _: self._wake(waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            future.cancel()
            raise
        return future.result()

    def _wake(self, waiter):
        self._done.append(waiter)
        if len(self._done) == 1:  # Otherwise the loop has already been woken, and will release this one as well.
            with contextlib.suppress(RuntimeError):  # The loop is closed, so nothing is waiting any longer.
                self._loop.call_soon_threadsafe(self._release)

    def _release(self):
        while self._done:
            waiter = self._done.popleft()
            if not waiter.done():
                waiter.set_result(None)
