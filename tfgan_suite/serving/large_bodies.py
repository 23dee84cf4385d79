"""Threads for large requests and responses, which would block the event loop."""

import asyncio
import concurrent.futures

LARGE_BYTES = 1 << 16  # Smaller ones take less time than changing threads.

# Few, because Python takes ten times the size of a JSON document while it reads one, and reads one at a time anyway.
_threads = concurrent.futures.ThreadPoolExecutor(2, "large bodies")


async def in_turn(function, *arguments):
    """Calls a function in one of the threads, and returns its result."""
    return await asyncio.get_running_loop().run_in_executor(_threads, function, *arguments)
