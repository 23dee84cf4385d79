"""Dynamic batching: requests that wait at the same time share one call of the model."""

import collections
import concurrent.futures
import threading

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.serving.request_joining import part


class DynamicBatching:
    """Joins requests to the same signature of the same version into one call of the model.

    Requests that arrive while a call is running form the next call. A lone request therefore runs at once, as it would
    without batching, and batches grow with the number of clients. Once enough requests are waiting to fill a call, they
    run without waiting for other calls. If a joined call fails, it is split in halves until the failing request is
    isolated, so no request fails because of another.

    Each request receives the images that it would receive on its own, up to floating-point rounding, which depends on
    the batch size.

    Args:
        max_batch_images: Integer >= 1. Maximum number of images in a joined call. A version's own limit on the images
            of a request applies as well. A request that exceeds the limit by itself runs alone.
        max_delay_seconds: Float >= 0. How long a call may wait for more requests before it starts. A longer delay makes
            larger batches of requests that arrive one by one, but adds to the latency of each. A call that is waiting
            counts as running.
        max_concurrent_batches: Integer >= 1. Maximum number of calls of one signature that run at the same time while
            fewer images are waiting than one call can take.

    Raises:
        UserError: If an argument is out of range.

    Example:

    >>> batching = DynamicBatching(max_batch_images=16)
    >>> server = Server("saved_models/digits", batching=batching)
    """

    def __init__(self, max_batch_images: int = 32, max_delay_seconds: float = 0.0, max_concurrent_batches: int = 1):
        if max_batch_images < 1 or max_concurrent_batches < 1 or not max_delay_seconds >= 0:
            raise UserError(
                "`max_batch_images` must be >= 1, `max_delay_seconds` >= 0, and `max_concurrent_batches` >= 1. "
                f"Received: max_batch_images={max_batch_images}, max_delay_seconds={max_delay_seconds}, "
                f"max_concurrent_batches={max_concurrent_batches}"
            )
        self.max_batch_images = max_batch_images
        self.max_delay_seconds = max_delay_seconds
        self.max_concurrent_batches = max_concurrent_batches
        self._queues = {}
        self._lock = threading.Lock()

    def submit(self, executor, servable, signature_name: str, inputs: dict) -> concurrent.futures.Future:
        """Submits a request, to be run alone or joined with others that are waiting.

        Args:
            executor: A `concurrent.futures.Executor`. Its threads run the model.
            servable: A `Servable`. The version to run.
            signature_name: String. Name of one of its signatures. The inputs must already have been checked against it.
            inputs: Dict `{name: NumPy array}`.

        Returns:
            A `concurrent.futures.Future` of `{name: NumPy array}` with all outputs. If it is cancelled while waiting,
            the request is not computed.
        """
        joining = servable.joinings[signature_name]
        measured = joining and joining.measure(inputs)
        limit = min(self.max_batch_images, servable.max_count or self.max_batch_images)
        if not measured or measured[0] >= limit:
            return executor.submit(servable.run, signature_name, inputs)
        num_images, kind = measured
        request = _Request(inputs, num_images)
        key = (servable, signature_name, kind)
        with self._lock:
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = _Queue(limit)
            queue.add(request)
            begins = queue.num_running < self.max_concurrent_batches or queue.is_full
            if begins:
                queue.begin()
        if begins:
            executor.submit(self._run_next, executor, key, queue)
        return request.future

    def _run_next(self, executor, key, queue):
        """Runs one call for the waiting requests, then submits the next call if more have arrived in the meantime."""
        servable, signature_name, _ = key
        if self.max_delay_seconds:
            queue.filled.wait(self.max_delay_seconds)
        with self._lock:
            requests = queue.take()
        _answer(requests, lambda requests: _call_joined(servable, signature_name, requests))
        with self._lock:
            queue.num_running -= 1
            if not queue.waiting or queue.num_running >= self.max_concurrent_batches and not queue.is_full:
                if not queue.num_running:
                    del self._queues[key]
                return
            queue.begin()
        executor.submit(self._run_next, executor, key, queue)  # Behind calls of other signatures already waiting.


class _Request:
    """A request that is waiting for its outputs."""

    def __init__(self, inputs, num_images):
        self.inputs = inputs
        self.num_images = num_images
        self.future = concurrent.futures.Future()


class _Queue:
    """Requests that can be joined, and the number of calls running for them."""

    def __init__(self, max_images):
        self.waiting = collections.deque()
        self.filled = threading.Event()  # Set while the waiting images fill a call.
        self.num_running = 0  # Calls that have begun, including those that have not taken their requests yet.
        self._num_to_take = 0  # Calls that have begun, but have not taken their requests yet.
        self._num_images = 0
        self._max_images = max_images

    @property
    def is_full(self):
        """Whether the waiting images would fill one more call than those that have already begun."""
        return self._num_images >= (self._num_to_take + 1) * self._max_images

    def begin(self):
        self.num_running += 1
        self._num_to_take += 1

    def add(self, request):
        self.waiting.append(request)
        self._count(request.num_images)

    def take(self):
        """Removes and returns as many requests as fit, in order of arrival, dropping cancelled ones."""
        self._num_to_take -= 1
        taken, room = [], self._max_images
        while self.waiting and self.waiting[0].num_images <= room:
            request = self.waiting.popleft()
            self._count(-request.num_images)
            if request.future.set_running_or_notify_cancel():
                room -= request.num_images
                taken.append(request)
        return taken

    def _count(self, num_images):
        self._num_images += num_images
        if self._num_images >= self._max_images:
            self.filled.set()
        else:
            self.filled.clear()


def _answer(requests, call):
    """Answers all requests, splitting them in halves if a joint call fails."""
    if not requests:
        return
    try:
        outputs = call(requests)
    except Exception as error:  # Any error is the answer to the request that caused it.
        if len(requests) == 1:
            requests[0].future.set_exception(error)
            return
        middle = len(requests) // 2
        _answer(requests[:middle], call)
        _answer(requests[middle:], call)
    else:
        for request, its_outputs in zip(requests, outputs, strict=True):
            request.future.set_result(its_outputs)


def _call_joined(servable, signature_name, requests):
    if len(requests) == 1:  # Unmodified, so that the answer is bit-identical to the one without batching.
        return [servable.run(signature_name, requests[0].inputs)]
    joining = servable.joinings[signature_name]
    outputs = servable.run(signature_name, joining.join([request.inputs for request in requests]))
    return part(outputs, [request.num_images for request in requests])
