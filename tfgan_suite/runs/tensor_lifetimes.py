"""Peak memory of a traced function, by following when each of its tensors is made and when it is last needed."""

import collections
import heapq
import itertools

import tensorflow as tf

# Operations whose output is another view of an input, and those that make nothing in a step.
_VIEWS = {
    *("Identity", "IdentityN", "Reshape", "Squeeze", "ExpandDims", "StopGradient", "PreventGradient", "EnsureShape"),
    *("CheckNumerics", "Snapshot"),
}
_NOTHING_NEW = {"Placeholder", "ReadVariableOp", "VarHandleOp", "Const", "NoOp", "Assert"}
# Operations that write their result over an input that nothing else needs.
_IN_PLACE = {
    *("Add", "AddV2", "AddN", "Sub", "Mul", "Div", "RealDiv", "Maximum", "Minimum", "Pow", "SquaredDifference", "Neg"),
    *("Abs", "Sign", "Square", "Sqrt", "Rsqrt", "Exp", "Log", "Log1p", "Tanh", "Sigmoid", "Softplus"),
    *("Relu", "LeakyRelu", "ReluGrad", "LeakyReluGrad", "TanhGrad", "SigmoidGrad", "SoftplusGrad", "RsqrtGrad"),
    *("SqrtGrad", "BiasAdd", "ClipByValue", "SelectV2", "Select", "Reciprocal", "DivNoNan", "Floor"),
    *("TensorScatterUpdate", "Ndtri"),
}


def peak_bytes(graph, workers=4):
    """The most bytes that the tensors of a graph take at once, without its inputs and without variables.

    Plays the graph through without computing anything, in the order of TensorFlow's executor: an operation is ready once
    its inputs exist, and a free worker starts the one that has been ready for longest. A tensor counts from the start of
    its operation until the last operation that needs it ends. Functions that the graph calls are followed: of several
    branches the largest, of a loop one iteration and what it passes on. Scratch memory inside an operation is not seen.

    Args:
        graph: A `tf.Graph` of static shapes, such as `concrete_function.graph`.
        workers: Integer >= 1. Operations that run at the same time.

    Example:

    >>> tile = lambda x: tf.tile(x, [3])
    >>> function = tf.function(lambda x: tf.reduce_sum(tile(x) * tile(x))).get_concrete_function(tf.ones([100]))
    >>> peak_bytes(function.graph)  # Two vectors of 300 numbers; their product is written over one of them.
    2400
    """
    operations = _needed(graph)
    memory = _Memory(graph, operations)
    missing = {operation: _needs(operation) for operation in operations}
    waiting = collections.defaultdict(list)
    for operation in operations:
        for needed in missing[operation]:
            waiting[needed].append(operation)
    ready = collections.deque(operation for operation in operations if not missing[operation])
    working = []  # Of (time of the end, number, operation, bytes that it uses while it works).
    now = 0
    numbers = itertools.count()
    while ready or working:
        while ready and len(working) < workers:
            operation = ready.popleft()
            within = 0 if operation.type in _VIEWS | _NOTHING_NEW else _bytes_within(operation, workers)
            memory.begin(operation, within)
            heapq.heappush(working, (now + _duration(operation), next(numbers), operation, within))
        now, _, operation, within = heapq.heappop(working)
        memory.end(operation, within)
        for other in waiting[operation]:
            missing[other].discard(operation)
            if not missing[other]:
                ready.append(other)
    return memory.peak


class _Memory:
    """Which tensors are alive, and how much they take."""

    def __init__(self, graph, operations):
        self.peak = self._alive = 0
        self._sizes = {}
        self._uses = collections.Counter(_owner(tensor) for tensor in getattr(graph, "outputs", []))
        for operation in operations:
            self._uses.update({_owner(tensor) for tensor in operation.inputs})

    def begin(self, operation, within):
        """The operation's outputs come into being."""
        if operation.type not in _VIEWS | _NOTHING_NEW:
            inputs = {_owner(tensor) for tensor in operation.inputs} if operation.type in _IN_PLACE else set()
            for tensor in operation.outputs:
                size = _bytes(tensor)
                for name in inputs:
                    if self._uses[name] == 1 and self._sizes.get(name) == size:
                        self._free(name)
                        break
                self._sizes[tensor.name] = size
                self._alive += size
        self._alive += within
        self.peak = max(self.peak, self._alive)

    def end(self, operation, within):
        """What it needed may go, and what of its outputs nothing needs."""
        self._alive -= within
        for name in {_owner(tensor) for tensor in operation.inputs}:
            self._uses[name] -= 1
            if not self._uses[name]:
                self._free(name)
        for tensor in operation.outputs:
            if not self._uses[tensor.name]:
                self._free(tensor.name)

    def _free(self, name):
        self._alive -= self._sizes.pop(name, 0)


def _needs(operation):
    return {tensor.op for tensor in operation.inputs} | set(operation.control_inputs)


def _duration(operation):
    """In bytes read and written; those of products count several times."""
    if operation.type in _VIEWS | _NOTHING_NEW:
        return 0
    moved = 1000 + sum(_bytes(tensor) for tensor in [*operation.inputs, *operation.outputs])
    return moved * (8 if "Conv" in operation.type or "MatMul" in operation.type else 1)


def count_operations(graph):
    """Operations of a graph and of all functions that it calls, each function once."""
    return len(graph.get_operations()) + sum(len(called.get_operations()) for called in _all_called(graph, {}).values())


def _all_called(graph, found):
    for operation in graph.get_operations():
        for name in _called(operation):
            if name not in found:
                found[name] = _graph_of(operation, name)
                _all_called(found[name], found)
    return found


def _needed(graph):
    """Operations that outputs or side effects depend on, in the order in which they were traced."""
    operations = graph.get_operations()
    waiting = [tensor.op for tensor in getattr(graph, "outputs", [])]
    waiting += [operation for operation in operations if operation.op_def.is_stateful]
    needed = set()
    while waiting:
        operation = waiting.pop()
        if operation not in needed:
            needed.add(operation)
            waiting += _needs(operation)
    return [operation for operation in operations if operation in needed]


def _owner(tensor):
    """Name of the tensor whose memory this one is a view of."""
    while tensor.op.type in _VIEWS:
        tensor = tensor.op.inputs[tensor.value_index if tensor.op.type == "IdentityN" else 0]
    return tensor.name


def _bytes(tensor):
    if tensor.dtype in (tf.resource, tf.variant, tf.string) or not tensor.shape.is_fully_defined():
        return 0
    return tensor.shape.num_elements() * tensor.dtype.size


def _called(operation):
    """Names of the functions that an operation may call, a loop's condition excepted."""
    attributes = operation.node_def.attr
    names = [attributes[key].func.name for key in ("f", "body", "then_branch", "else_branch") if key in attributes]
    return [name for name in names if name] + [branch.name for branch in attributes["branches"].list.func]


def _graph_of(operation, name):
    return operation.graph._get_function(name).graph  # There is no public way from a call to what is called.


def _bytes_within(operation, workers):
    """Peak of the functions that an operation calls, less what they return: that counts as its outputs already."""
    peak = max((peak_bytes(_graph_of(operation, name), workers) for name in _called(operation)), default=0)
    returned = sum(_bytes(tensor) for tensor in operation.outputs)
    if operation.type in ("While", "StatelessWhile"):
        (body,) = [_graph_of(operation, name) for name in _called(operation)]
        # A turn's results are made while those of the last one are there.
        peak += sum(_bytes(new) for old, new in zip(body.inputs, body.outputs) if _owner(new) != old.name)
    return max(0, peak - returned)
