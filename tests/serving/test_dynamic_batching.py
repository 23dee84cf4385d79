"""Joined requests, first with a model made of Python, whose calls a test can hold; then with a real one."""

import concurrent.futures
import threading

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.serving import DynamicBatching
from tfgan_suite.serving.model_repository import ModelRepository
from tfgan_suite.serving.request_joining import RowJoining, SeedJoining, joining_of, part
from tfgan_suite.serving.serving_error import ServingError, invalid_argument

PATIENCE_SECONDS = 20


class Squares:
    """A model that squares rows, refuses 13, and runs when it is let."""

    def __init__(self):
        self.joinings = {"square": RowJoining()}
        self.max_count = None
        self.calls = []
        self.may_run = threading.Semaphore(0)
        self.entered = threading.Semaphore(0)

    def run(self, signature_name, inputs):
        assert signature_name == "square"
        self.calls.append(inputs["x"].tolist())
        self.entered.release()
        assert self.may_run.acquire(timeout=PATIENCE_SECONDS)
        if 13 in inputs["x"]:
            raise invalid_argument("13 is unlucky")
        return {"y": inputs["x"] ** 2}


@pytest.fixture
def executor():
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        yield threads


@pytest.fixture
def model():
    return Squares()


def result(future):
    try:
        return future.result(PATIENCE_SECONDS)["y"].tolist()
    except ServingError as error:
        return error.message


def wait_for(condition):
    for _ in range(PATIENCE_SECONDS * 100):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen")


def submit_held(batching, executor, model, *requests):
    """Futures of requests that wait while a first one runs."""

    def submit(*numbers):
        return batching.submit(executor, model, "square", {"x": np.array(numbers)})

    futures = [submit(100)]
    assert model.entered.acquire(timeout=PATIENCE_SECONDS)
    return [*futures, *(submit(*numbers) for numbers in requests)]


def run_held(batching, executor, model, *requests):
    """Their results."""
    futures = submit_held(batching, executor, model, *requests)
    model.may_run.release(1000)
    first, *results = map(result, futures)
    assert first == [10_000]
    wait_for(lambda: batching._queues == {})  # Nothing is kept of what is answered.
    return results


def test_requests_that_wait_share_a_call(executor, model):
    assert run_held(DynamicBatching(), executor, model, [1], [2, 3], [4]) == [[1], [4, 9], [16]]
    assert model.calls == [[100], [1, 2, 3, 4]]


def test_batches_have_a_largest_size(executor, model):
    batching = DynamicBatching(max_batch_images=4)
    assert run_held(batching, executor, model, [1], [2, 3], [4, 5], [6]) == [[1], [4, 9], [16, 25], [36]]
    assert model.calls == [[100], [1, 2, 3], [4, 5, 6]]


def test_what_the_model_itself_allows_is_no_more(executor, model):
    model.max_count = 2
    assert run_held(DynamicBatching(max_batch_images=100), executor, model, [1], [2], [3]) == [[1], [4], [9]]
    assert model.calls == [[100], [1, 2], [3]]


def test_a_larger_request_does_not_wait(executor, model):
    futures = submit_held(DynamicBatching(max_batch_images=2), executor, model, [2, 3, 4])
    assert model.entered.acquire(timeout=PATIENCE_SECONDS)  # Though the first still runs.
    model.may_run.release(2)
    assert [result(future) for future in futures] == [[10_000], [4, 9, 16]]


def test_as_many_as_a_call_can_take_wait_for_no_other(executor, model):
    batching = DynamicBatching(max_batch_images=2)
    futures = submit_held(batching, executor, model, [1], [2], [3])
    assert model.entered.acquire(timeout=PATIENCE_SECONDS)  # Though the first still runs.
    assert model.calls == [[100], [1, 2]]
    model.may_run.release(10)
    assert [result(future) for future in futures] == [[10_000], [1], [4], [9]]
    assert model.calls == [[100], [1, 2], [3]]
    wait_for(lambda: batching._queues == {})


def test_no_more_calls_begin_than_the_requests_fill(model):
    """One thread, so that calls wait to begin: each is to find as much as it can take."""
    batching = DynamicBatching(max_batch_images=4)
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        futures = submit_held(batching, executor, model, *([number] for number in range(11)))
        model.may_run.release(10)
        assert [result(future) for future in futures[1:]] == [[number**2] for number in range(11)]
    assert model.calls == [[100], [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_nobody_is_refused_for_the_request_of_another(executor, model):
    results = run_held(DynamicBatching(), executor, model, [1], [13], [2], [3], [13], [4])
    assert results == [[1], "13 is unlucky", [4], [9], "13 is unlucky", [16]]
    assert [1, 13, 2, 3, 13, 4] in model.calls and [13] in model.calls


def test_who_gives_up_while_waiting_is_not_computed(executor, model):
    batching = DynamicBatching()
    first, second, third, fourth = submit_held(batching, executor, model, [1], [2], [3])
    assert second.cancel() and not first.cancel()  # The first runs already.
    model.may_run.release(10)
    assert [result(future) for future in (first, third, fourth)] == [[10_000], [4], [9]]
    assert model.calls == [[100], [2, 3]] and second.cancelled()
    wait_for(lambda: batching._queues == {})


def test_a_call_may_wait_for_more(executor, model):
    batching = DynamicBatching(max_batch_images=3, max_delay_seconds=PATIENCE_SECONDS)
    model.may_run.release(10)
    inputs = [{"x": np.array([number])} for number in (1, 2, 3)]  # The third fills it.
    futures = [batching.submit(executor, model, "square", one) for one in inputs]
    assert [result(future) for future in futures] == [[1], [4], [9]]
    assert model.calls == [[1, 2, 3]]


def test_a_call_waits_no_longer_than_it_may(executor, model):
    model.may_run.release()
    future = DynamicBatching(max_delay_seconds=0.01).submit(executor, model, "square", {"x": np.array([3])})
    assert result(future) == [9]


def test_two_calls_at_a_time(executor, model):
    batching = DynamicBatching(max_concurrent_batches=2)
    futures = submit_held(batching, executor, model, [1])
    assert model.entered.acquire(timeout=PATIENCE_SECONDS)  # Though the first still runs.
    futures += [batching.submit(executor, model, "square", {"x": np.array([number])}) for number in (2, 3, 4)]
    model.may_run.release(10)
    assert [result(future) for future in futures] == [[10_000], [1], [4], [9], [16]]
    assert model.calls == [[100], [1], [2, 3, 4]]


@pytest.mark.parametrize("wrong", [{"max_batch_images": 0}, {"max_delay_seconds": -1.0}, {"max_concurrent_batches": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(UserError, match="`max_batch_images` must be >= 1"):
        DynamicBatching(**wrong)


# === With a real model ===


def test_which_signatures_can_be_joined(server):
    digits = server.repository.lookup("digits")
    kinds = {name: type(joining).__name__ for name, joining in digits.joinings.items()}
    assert kinds == {
        "serving_default": "RowJoining",
        "discriminate": "RowJoining",
        "generate": "SeedJoining",
        "generate_png": "SeedJoining",
    }
    assert digits.max_count == 8
    echo = server.repository.lookup("echo")
    assert isinstance(echo.joinings["inverse"], RowJoining) and echo.max_count is None


def test_outputs_that_are_no_rows_are_not_parted():
    with pytest.raises(ValueError, match="must have 3 rows.*Received: 1 rows"):
        part({"y": np.zeros([1])}, [2, 1])


def test_labels_drawn_and_labels_given_are_not_joined():
    def measure(count, labels):
        inputs = {"seed": np.zeros([len(count)], np.int64), "truncation": np.ones([len(count)], np.float32)}
        return SeedJoining().measure({**inputs, "count": np.array(count), "labels": np.array(labels)})

    assert measure([2, 1], [1, 2, 3]) == (3, "labels given")
    assert measure([2], []) == (2, "labels drawn")
    assert measure([2], [1]) is None  # Two of such would seem to make up for one another.
    assert measure([0], []) is None and measure([2**31 - 1, 2**31 - 1], []) == (2**32 - 2, "labels drawn")


@pytest.mark.parametrize("signature", ["generate", "serving_default", "discriminate"])
def test_joined_answers_are_those_of_requests_alone(server, signature):
    """To the rounding of another batch size: one grey level, 1e-5 of the range of floats."""
    servable = server.repository.lookup("digits")
    draws = np.random.default_rng(0)
    requests = []
    for number, count in enumerate([1, 2, 1, 3]):
        labels = draws.integers(3, size=count).astype(np.int32)
        requests.append(
            {
                "generate": {
                    "seed": np.int64(number),
                    "count": np.int32(count),
                    "truncation": np.float32(0.5 + number / 8),
                },
                "serving_default": {"latents": draws.uniform(-1, 1, [count, 8]).astype(np.float32)},
                "discriminate": {"images": draws.integers(0, 256, [count, 16, 16, 1]).astype(np.uint8)},
            }[signature]
            | {"labels": labels}
        )
    joining = servable.joinings[signature]
    sizes = [joining.measure(inputs)[0] for inputs in requests]
    assert sizes == [1, 2, 1, 3]
    joined = part(servable.run(signature, joining.join(requests)), sizes)
    alone = [server.repository.predict(servable, signature, inputs) for inputs in requests]
    for ours, theirs in zip(joined, alone, strict=True):
        for name, array in theirs.items():
            assert ours[name].dtype == array.dtype and array.std() > 0 or array.size == 1
            tolerance = 1 if array.dtype == np.uint8 else 1e-5
            np.testing.assert_allclose(ours[name].astype(float), array.astype(float), rtol=1e-5, atol=tolerance)


def test_many_clients_one_of_whom_is_hostile(models_directory, faces):
    repository = ModelRepository(models_directory / "faces", batching=DynamicBatching(max_batch_images=8))
    servable, calls = repository.lookup("faces"), []
    run = servable.run
    servable.run = lambda name, inputs: (calls.append(np.size(inputs["seed"])), run(name, inputs))[1]
    expected = {seed: faces.generate(1, seed=seed).astype(int) for seed in range(12)}
    wrong, refusals = [], []

    def ask(seed):
        for _ in range(5):
            truncation = np.float32(np.nan if seed == 0 else 1.0)
            inputs = {"seed": np.int64(seed), "count": np.int32(1), "truncation": truncation}
            try:
                images = repository.predict(servable, "generate", inputs)["images"]
            except ServingError as error:
                refusals.append((seed, error.code))
            else:
                if np.abs(images - expected[seed]).max() > 1:
                    wrong.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert not wrong and refusals == [(0, "INVALID_ARGUMENT")] * 5
    assert max(calls) > 1


@pytest.mark.parametrize(
    "inputs, outputs, joined",
    [
        ({"x": [-1, 3]}, {"y": [-1]}, True),
        ({"x": [-1, 3], "scale": []}, {"y": [-1]}, False),
        ({"x": [-1, -1]}, {"y": [-1]}, False),  # Rows of different lengths could not be put together.
        ({"x": [-1, 3]}, {"y": []}, False),
        ({"x": None}, {"y": [-1]}, False),
        ({}, {"y": [-1]}, False),
    ],
)
def test_signatures_of_other_models(inputs, outputs, joined):
    signature = meta_graph_pb2.SignatureDef()
    for infos, shapes in ((signature.inputs, inputs), (signature.outputs, outputs)):
        for name, sizes in shapes.items():
            infos[name].dtype = tf.float32.as_datatype_enum
            infos[name].tensor_shape.CopyFrom(tf.TensorShape(sizes and [None] * len(sizes)).as_proto())
            for axis, size in zip(infos[name].tensor_shape.dim, sizes or [], strict=True):
                axis.size = size
    assert isinstance(joining_of(signature), RowJoining) == joined
