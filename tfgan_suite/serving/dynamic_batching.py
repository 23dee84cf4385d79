"""Dynamic batching: requests that wait at the same time share one call of the model."""

import collections
import concurrent.futures
import threading

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.serving.request_joining import part


class DynamicBatching:
    """Joins requests to the same signature of the same version into one call of the model.

    While a call runs, the requests that come form the next one. So a request that comes alone runs at once, as it would
    without batching, and the more clients there are, the larger the batches are. As many as one call can take wait for no
    other call. A joined call that fails is halved until the request at fault stands alone: nobody is refused for the request
    of another.

    Each image is that of its own request, to the rounding of floating point, which is another for another batch size.

    Args:
        max_batch_images: Most images of a joined call, >= 1. A version's own limit of images for a request holds as well;
            a request that is larger by itself runs alone.
        max_delay_seconds: How long a call may wait for more requests before it begins, >= 0. Waiting makes larger batches
            of requests that come one by one, and makes each wait. A call that waits counts as one that runs.
        max_concurrent_batches: Calls of one signature that run at the same time, >= 1, where fewer images wait than one call
            can take.

    Example:

    >>> batching = DynamicBatching(max_batch_images=16)
    >>> server = Server("saved_models/digits", batching=batching)
    """

    def __init__(self, max_batch_images: int = 32, max_delay_seconds: float = 0.0, max_concurrent_batches: int = 1):
        if max_batch_images < 1 or max_concurrent_batches < 1 or not max_delay_seconds >= 0:
            raise UserError(
                "Expected max_batch_images >= 1, max_delay_seconds >= 0 and max_concurrent_batches >= 1. Received: "
                f"{max_batch_images}, {max_delay_seconds}, {max_concurrent_batches}."
            )
        self.max_batch_images = max_batch_images
        self.max_delay_seconds = max_delay_seconds
        self.max_concurrent_batches = max_concurrent_batches
        self._queues = {}
        self._lock = threading.Lock()

    def submit(self, executor, servable, signature_name: str, inputs: dict) -> concurrent.futures.Future:
        """Has one request answered, alone or with others that wait.

        Args:
            executor: The `concurrent.futures.Executor` whose threads run the model.
            servable: The `Servable` that is asked.
            signature_name: One of its signatures, to which the inputs have been found to fit.
            inputs: `{name: numpy array}`.

        Returns:
            The future of `{name: numpy array}`, of all outputs. Cancelled while it waits, it is not computed.
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
        """Runs one call for those that wait, and has the next one run if more have come meanwhile."""
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
        executor.submit(self._run_next, executor, key, queue)  # After the calls of other signatures that wait already.


class _Request:
    """One request that waits for its outputs."""

    def __init__(self, inputs, num_images):
        self.inputs = inputs
        self.num_images = num_images
        self.future = concurrent.futures.Future()


class _Queue:
    """Requests that can be joined, and how many calls for such run."""

    def __init__(self, max_images):
        self.waiting = collections.deque()
        self.filled = threading.Event()  # As many images wait as a call can take.
        self.num_running = 0  # Calls that have begun, with those that have not taken their requests yet.
        self._num_to_take = 0  # Those.
        self._num_images = 0
        self._max_images = max_images

    @property
    def is_full(self):
        """Whether one more call than those that have begun would have as many images as it can take."""
        return self._num_images >= (self._num_to_take + 1) * self._max_images

    def begin(self):
        self.num_running += 1
        self._num_to_take += 1

    def add(self, request):
        self.waiting.append(request)
        self._count(request.num_images)

    def take(self):
        """As many as fit, those that came first first, without those that were cancelled."""
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
    """Answers all of them, by halves where a call of them together fails."""
    if not requests:
        return
    try:
        outputs = call(requests)
    except Exception as error:  # Whatever it is, it is the answer of the one whose request it is.
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
    if len(requests) == 1:  # As it came, so that the answer is to the bit that without batching.
        return [servable.run(signature_name, requests[0].inputs)]
    joining = servable.joinings[signature_name]
    outputs = servable.run(signature_name, joining.join([request.inputs for request in requests]))
    return part(outputs, [request.num_images for request in requests])
