import asyncio
import concurrent.futures
import threading

import pytest

from tfgan_suite.serving.event_loop_futures import EventLoopFutures


def test_results_and_errors_reach_those_who_wait():
    async def main():
        wait, futures = EventLoopFutures().result, [concurrent.futures.Future() for _ in range(4)]
        futures[0].set_result(0)  # Before it is waited for.
        waiting = [asyncio.ensure_future(wait(future)) for future in futures]
        await asyncio.sleep(0)

        def answer():
            futures[2].set_exception(KeyError("two"))
            futures[1].set_result(1)
            futures[3].set_result(3)

        thread = threading.Thread(target=answer)
        thread.start()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        thread.join()
        return results

    zero, one, two, three = asyncio.run(main())
    assert (zero, one, three) == (0, 1, 3) and isinstance(two, KeyError)


def test_those_that_are_done_together_wake_the_loop_once(monkeypatch):
    async def main():
        loop, wakes = asyncio.get_running_loop(), []
        wake = loop.call_soon_threadsafe
        monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *call: (wakes.append(call), wake(*call)))
        wait, futures = EventLoopFutures().result, [concurrent.futures.Future() for _ in range(32)]
        waiting = [asyncio.ensure_future(wait(future)) for future in futures]
        await asyncio.sleep(0)
        for number, future in enumerate(futures):  # The loop cannot come between, as this is its thread.
            future.set_result(number)
        assert await asyncio.gather(*waiting) == list(range(32))
        return len(wakes)

    assert asyncio.run(main()) == 1


def test_nothing_is_lost_between_threads():
    async def main():
        wait = EventLoopFutures().result
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            for _ in range(50):
                futures = [threads.submit(pow, number, 2) for number in range(40)]
                assert await asyncio.gather(*map(wait, futures)) == [number**2 for number in range(40)]

    asyncio.run(asyncio.wait_for(main(), 60))


def test_who_gives_up_cancels():
    async def main():
        future = concurrent.futures.Future()
        waiting = asyncio.ensure_future(EventLoopFutures().result(future))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return future

    assert asyncio.run(main()).cancelled()


def test_what_is_done_after_the_loop_has_ended_is_nothing(caplog):
    async def main():
        future = concurrent.futures.Future()
        future.set_running_or_notify_cancel()  # So that it cannot be cancelled.
        waiting = asyncio.ensure_future(EventLoopFutures().result(future))
        await asyncio.sleep(0)
        waiting.cancel()
        return future

    future = asyncio.run(main())
    future.set_result(1)
    assert not caplog.records
