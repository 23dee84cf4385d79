"""Dynamic batching: requests that wait at the same time share one call of the model."""

import collections
import math
import threading

from tfgan_suite.errors import UserError
from tfgan_suite.serving.request_joining import part


class DynamicBatching:
    """Joins requests to the same signature of the same version into one call of the model.

    While a call runs, the requests that come form the next one. So a request that comes alone runs at once, as it would
    without batching, and the more clients there are, the larger the batches are. A joined call that fails is halved until
    the request at fault stands alone: nobody is refused for the request of another.

    Each image is that of its own request, to the rounding of floating point, which is another for another batch size.

    Args:
        max_batch_images: Most images of a joined call, >= 1. A version's own limit of images for a request holds as well;
            a request that is larger by itself runs alone.
        max_delay_seconds: How long a call may wait for more requests before it begins, >= 0. Waiting makes larger batches
            of requests that come one by one, and makes each wait.
        max_concurrent_batches: Calls of one signature that run at the same time, >= 1.

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

    def predict(self, servable, signature_name: str, inputs: dict, call) -> dict:
        """Answers one request, alone or with others that wait; called from a thread for each.

        Args:
            servable: The `Servable` that is asked.
            signature_name: One of its signatures, to which the inputs have been found to fit.
            inputs: `{name: numpy array}`.
            call: A function of inputs that runs the signature, and returns its outputs.

        Returns:
            `{name: numpy array}`, of all outputs.
        """
        joining = servable.joinings[signature_name]
        measured = joining and joining.measure(inputs)
        limit = min(self.max_batch_images, servable.max_count or self.max_batch_images)
        if not measured or measured[0] >= limit:
            return call(inputs)
        num_images, kind = measured
        request = _Request(inputs, num_images)
        key = (servable, signature_name, kind)
        with self._lock:
            queue = self._queues.setdefault(key, _Queue())
            request.leads = queue.num_running < self.max_concurrent_batches
            if request.leads:
                queue.num_running += 1
            else:
                queue.add(request)
        if not request.leads:
            request.turn.wait()
        if request.leads:
            self._lead(request, key, queue, limit, lambda requests: _call_joined(joining, requests, call))
        if request.error is not None:
            raise request.error
        return request.outputs

    def _lead(self, request, key, queue, limit, call):
        """Runs one call for this request and those that wait, then appoints the next leader."""
        if self.max_delay_seconds:
            with self._lock:
                queue.want(limit - request.num_images)
            queue.filled.wait(self.max_delay_seconds)
        with self._lock:
            requests = [request, *queue.take(limit - request.num_images)]
        _answer(requests, call)
        with self._lock:
            if queue.waiting:
                following = queue.waiting.popleft()
                following.leads = True
                following.turn.set()
                return
            queue.num_running -= 1
            if not queue.num_running:
                del self._queues[key]


class _Request:
    """One request that waits. `turn` is set when it is answered, or when it `leads`: its thread is to run the next call."""

    def __init__(self, inputs, num_images):
        self.inputs = inputs
        self.num_images = num_images
        self.turn = threading.Event()
        self.leads = False
        self.outputs = self.error = None


class _Queue:
    """Requests that can be joined, while calls for such run."""

    def __init__(self):
        self.waiting = collections.deque()
        self.filled = threading.Event()  # As many images wait as the next call can take.
        self.num_running = 0
        self._num_wanted = math.inf

    def add(self, request):
        self.waiting.append(request)
        self.want(self._num_wanted)

    def want(self, num_images):
        """Has `filled` set as soon as so many wait."""
        self._num_wanted = num_images
        if sum(request.num_images for request in self.waiting) >= num_images:
            self.filled.set()

    def take(self, num_images):
        """As many as fit, those that came first first."""
        self.filled.clear()
        self._num_wanted = math.inf
        taken = []
        while self.waiting and self.waiting[0].num_images <= num_images:
            num_images -= self.waiting[0].num_images
            taken.append(self.waiting.popleft())
        return taken


def _answer(requests, call):
    """Answers all of them, by halves where a call of them together fails."""
    try:
        outputs = call(requests)
    except Exception as error:  # Whatever it is, it is the answer of the one whose request it is.
        if len(requests) > 1:
            middle = len(requests) // 2
            _answer(requests[:middle], call)
            _answer(requests[middle:], call)
            return
        requests[0].error = error
    else:
        for request, its_outputs in zip(requests, outputs, strict=True):
            request.outputs = its_outputs
    for request in requests:
        if not request.leads:
            request.turn.set()


def _call_joined(joining, requests, call):
    if len(requests) == 1:  # As it came, so that the answer is to the bit that without batching.
        return [call(requests[0].inputs)]
    outputs = call(joining.join([request.inputs for request in requests]))
    return part(outputs, [request.num_images for request in requests])
