"""Futures of threads for coroutines that wait."""

import asyncio
import collections
import contextlib


class EventLoopFutures:
    """`asyncio.wrap_future` for many that are done at the same time, such as the requests of a joined call.

    Each future that `asyncio` wraps wakes the event loop by itself, and the thread that answers them and the loop's then
    take turns for each. Here those that are done while the loop is being woken share that.

    Belongs to the event loop on which it is made.
    """

    def __init__(self):
        self._loop = asyncio.get_running_loop()
        self._done = collections.deque()

    async def result(self, future):
        """Waits for a `concurrent.futures.Future`, and cancels it when the wait is cancelled."""
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
        if len(self._done) == 1:  # Otherwise the loop has been woken, and has not come to take them all.
            with contextlib.suppress(RuntimeError):  # The loop has ended, and with it those who waited.
                self._loop.call_soon_threadsafe(self._release)

    def _release(self):
        while self._done:
            waiter = self._done.popleft()
            if not waiter.done():
                waiter.set_result(None)
