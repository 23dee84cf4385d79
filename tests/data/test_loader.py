import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.workers import start_workers
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.foundation.errors import UserError

PATHS = pytest.mark.parametrize("cache", [True, False], ids=["memory", "disk"])


def read(directory, num_batches: int | None = None, **options) -> tuple[np.ndarray, np.ndarray]:
    _, dataset = load_dataset(directory, **options)
    batches = list(dataset.take(num_batches) if num_batches else dataset)
    images, labels = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*batches, strict=True))
    return images, labels


def numbers_of(images: np.ndarray) -> np.ndarray:
    """Which image of the set each one is (unless it was flipped)."""
    pixels = np.round((images + 1) * 127.5).astype(int)
    return pixels[:, 0, 0, 0] * 256 + pixels[:, 0, 3, 0]


@PATHS
def test_range_type_shape_and_labels(make_dataset, cache):
    info, dataset = load_dataset(make_dataset(300), batch_size=16, cache=cache)
    images, labels = next(iter(dataset))
    assert images.dtype == tf.float32 and labels.dtype == tf.int32 and info.num_classes == 3
    assert dataset.element_spec[0].shape == (16, 4, 6, 3) and dataset.element_spec[1].shape == (16,)
    assert images.numpy().min() >= -1 and images.numpy().max() <= 1
    np.testing.assert_array_equal(labels, numbers_of(images.numpy()) % 3)


@PATHS
@pytest.mark.parametrize("encoding", ["png", "raw", "webp", "jpeg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_encoding_gives_the_pixels(make_dataset, cache, encoding, channels):
    directory = make_dataset(20, 1, encoding, channels=channels)
    images, labels = read(directory, batch_size=20, shuffle=False, repeat=False, cache=cache)
    pixels = (images + 1) * 127.5
    tolerance = 3 if encoding == "jpeg" else 1e-4
    np.testing.assert_allclose(pixels[:, :, 3, 0], np.repeat(np.arange(20)[:, np.newaxis], 4, 1), atol=tolerance)
    assert labels.tolist() == [row % 3 for row in range(20)]


@PATHS
def test_labels_are_zero_without_classes(make_dataset, cache):
    info, dataset = load_dataset(make_dataset(20, labelled=False), batch_size=20, cache=cache)
    assert info.num_classes is None and next(iter(dataset))[1].numpy().tolist() == [0] * 20


@PATHS
def test_every_epoch_is_a_new_permutation(make_dataset, cache):
    images, _ = read(make_dataset(50), num_batches=20, batch_size=10, cache=cache, seed=1)
    epochs = numbers_of(images).reshape(4, 50)
    for epoch in epochs:
        assert sorted(epoch) == list(range(50))
    assert len({tuple(epoch) for epoch in epochs}) == 4 and list(range(50)) not in epochs.tolist()


@PATHS
def test_seed_decides_the_order_and_the_global_seed_does_not(make_dataset, cache):
    directory = make_dataset(50)
    first, other = (numbers_of(read(directory, 10, batch_size=10, cache=cache, seed=seed)[0]) for seed in (0, 1))
    assert first.tolist() != other.tolist()
    tf.random.set_seed(99)
    np.testing.assert_array_equal(numbers_of(read(directory, 10, batch_size=10, cache=cache, seed=0)[0]), first)


@PATHS
def test_without_shuffle_the_order_is_that_on_disk(make_dataset, cache):
    images, _ = read(make_dataset(30, 1), batch_size=15, shuffle=False, repeat=False, cache=cache)
    assert numbers_of(images).tolist() == list(range(30))


@PATHS
@pytest.mark.parametrize("shuffle", [True, False])
def test_a_restart_anywhere_continues_the_stream_exactly(make_dataset, cache, shuffle, monkeypatch):
    # Small windows, so that the set spans several, and batches that do not divide an epoch.
    monkeypatch.setattr("tfgan_suite.data.loader.WINDOW_LIMIT_EXAMPLES", 16)
    directory = make_dataset(50, 5)
    options = {"cache": cache, "shuffle": shuffle, "horizontal_flip": True, "seed": 5}
    images, labels = read(directory, 30, batch_size=7, **options)  # 4.2 epochs.
    for start in (1, 49, 50, 123):
        restarted, restarted_labels = read(directory, 3, batch_size=14, start_image=start, **options)
        np.testing.assert_array_equal(restarted, images[start : start + 42])
        np.testing.assert_array_equal(restarted_labels, labels[start : start + 42])


@pytest.mark.slow
def test_another_process_reads_the_same_stream(make_dataset):
    directory = make_dataset(50)
    options = {"batch_size": 10, "seed": 3, "horizontal_flip": True}
    script = (
        "import sys, hashlib\nfrom tfgan_suite.data.loader import load_dataset\n"
        "for cache in (True, False):\n"
        f"    _, dataset = load_dataset(sys.argv[1], start_image=70, cache=cache, **{options})\n"
        "    data = b''.join(images.numpy().tobytes() for images, _ in dataset.take(5))\n"
        "    print('RESULT', hashlib.sha256(data).hexdigest())\n"
    )
    result = subprocess.run([sys.executable, "-c", script, str(directory)], capture_output=True, text=True, timeout=120)
    found = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("RESULT")]
    whole = [read(directory, 12, cache=cache, **options)[0] for cache in (True, False)]
    assert found == [hashlib.sha256(images[70:].tobytes()).hexdigest() for images in whole], result.stderr[-2000:]


@PATHS
def test_one_epoch_and_what_is_left_of_it(make_dataset, cache):
    directory = make_dataset(50)
    images, _ = read(directory, batch_size=8, repeat=False, drop_remainder=False, cache=cache)
    assert sorted(numbers_of(images)) == list(range(50))
    rest, _ = read(directory, batch_size=8, repeat=False, drop_remainder=False, start_image=45, cache=cache)
    np.testing.assert_array_equal(rest, images[45:])
    _, dropped = load_dataset(directory, batch_size=8, repeat=False, cache=cache)
    _, kept = load_dataset(directory, batch_size=8, repeat=False, drop_remainder=False, start_image=1, cache=cache)
    _, endless = load_dataset(directory, batch_size=8, cache=cache)
    assert int(dropped.cardinality()) == 6 == len(list(dropped)) and int(kept.cardinality()) == 7 == len(list(kept))
    assert int(endless.cardinality()) == tf.data.INFINITE_CARDINALITY


@PATHS
def test_flips_mirror_half_of_the_images(make_dataset, cache):
    directory = make_dataset(50)
    plain, _ = read(directory, 40, batch_size=50, cache=cache)
    flipped, _ = read(directory, 40, batch_size=50, cache=cache, horizontal_flip=True)
    same = (plain == flipped).all(axis=(1, 2, 3))
    mirrored = (plain[:, :, ::-1] == flipped).all(axis=(1, 2, 3))
    assert (same | mirrored).all()
    informative = ~(same & mirrored)
    share = mirrored[informative].mean()
    assert 0.46 < share < 0.54, "2,000 tosses: 3.5 standard deviations"
    tosses = mirrored[informative].astype(float)
    assert (
        abs(np.corrcoef(tosses[:-1], tosses[1:])[0, 1]) < 0.08
        and abs(np.corrcoef(tosses[:-49], tosses[49:])[0, 1]) < 0.08
    )


def test_windows_mix_shards(make_dataset, monkeypatch):
    images, _ = read(make_dataset(300, 6), 5, batch_size=10, cache=False)
    assert len(set(numbers_of(images) % 6)) == 6, "the first images come from all shards"


def test_auto_cache_follows_the_limit(make_dataset, monkeypatch):
    directory = make_dataset(50)
    memory, disk, auto = (read(directory, 5, batch_size=10, cache=cache)[0] for cache in (True, False, "auto"))
    np.testing.assert_array_equal(auto, memory)
    monkeypatch.setattr("tfgan_suite.data.loader.CACHE_LIMIT_BYTES", 50 * 4 * 6 * 3 - 1)
    np.testing.assert_array_equal(read(directory, 5, batch_size=10)[0], disk)
    assert not np.array_equal(memory, disk)


def test_options_for_training(make_dataset):
    options = load_dataset(make_dataset())[1].options()
    assert options.autotune.enabled is False and options.deterministic is True
    assert options.experimental_distribute.auto_shard_policy == tf.data.experimental.AutoShardPolicy.DATA


@PATHS
def test_replicas_get_slices_of_each_global_batch(make_dataset, two_replicas, cache):
    """Two replicas on two logical CPUs see together what one reader sees."""
    directory = make_dataset(50)
    images, _ = read(directory, 12, batch_size=8, cache=cache, horizontal_flip=True)
    _, dataset = load_dataset(directory, batch_size=8, cache=cache, horizontal_flip=True)
    iterator = iter(two_replicas.experimental_distribute_dataset(dataset))
    for step in range(12):
        parts = two_replicas.experimental_local_results(next(iterator)[0])
        assert [len(part) for part in parts] == [4, 4]
        np.testing.assert_array_equal(np.concatenate(parts), images[8 * step : 8 * step + 8])


WORKER = """
import json, os, sys
import tensorflow as tf
from tfgan_suite.data.loader import load_dataset
strategy = tf.distribute.MultiWorkerMirroredStrategy()
result = []
for cache in (True, False):
    _, dataset = load_dataset(sys.argv[1], batch_size=10, cache=cache, seed=2)
    iterator = iter(strategy.experimental_distribute_dataset(dataset))
    images = [strategy.experimental_local_results(next(iterator)[0])[0] for _ in range(7)]
    result.append([[int(round((float(image[0, 3, 0]) + 1) * 127.5)) for image in batch] for batch in images])
print("RESULT", json.dumps(result), flush=True)
"""


def test_workers_get_slices_of_each_global_batch(make_dataset):
    directory = make_dataset(50)
    processes = start_workers([sys.executable, "-c", WORKER, str(directory)])
    outputs = [process.communicate(timeout=150) for process in processes]
    results = [
        json.loads(output.split("RESULT ")[1].splitlines()[0])
        for output, _ in outputs
        if "RESULT" in output or pytest.fail(output[-3000:])
    ]
    for path, cache in enumerate((True, False)):
        expected = numbers_of(read(directory, 7, batch_size=10, cache=cache, seed=2)[0]).reshape(7, 2, 5)
        np.testing.assert_array_equal(np.array([results[0][path], results[1][path]]).transpose(1, 0, 2), expected)


def test_keras_fit_reads_it(make_dataset):
    import keras

    _, dataset = load_dataset(make_dataset(50), batch_size=10)
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(dataset, epochs=2, steps_per_epoch=3, verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"split": "tain"}, "Did you mean 'train'"),
        ({"split": "empty"}, "has 0 images"),
        ({"batch_size": 51}, "too few for a batch of 51"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"batch_size": 2.0}, "`batch_size` must be"),
        ({"seed": -1}, "`seed` must be"),
        ({"seed": 0.5}, r"Received: seed=0.5 \(float\)"),
        ({"seed": "0"}, "`seed` must be"),
        ({"start_image": -5}, "`start_image` must be"),
        ({"cache": "yes"}, "`cache` must be"),
    ],
)
def test_wrong_arguments_are_user_errors(make_dataset, options, message):
    with pytest.raises(UserError, match=message):
        load_dataset(make_dataset(50), **options)


def test_a_batch_larger_than_the_split_may_be_asked_for_once(make_dataset):
    images, _ = read(make_dataset(50), batch_size=64, repeat=False, drop_remainder=False)
    assert len(images) == 50


def test_missing_directory(tmp_path):
    with pytest.raises(UserError, match="Prepare a data set first"):
        load_dataset(tmp_path / "nowhere")


@PATHS
def test_truncated_and_missing_shards_are_named(make_dataset, cache):
    directory = make_dataset(50)
    shard = directory / "train-00001-of-00003.tfrecord"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-9])
    with pytest.raises(UserError, match="train-00001-of-00003.tfrecord is truncated"):
        load_dataset(directory, cache=cache)
    shard.unlink()
    with pytest.raises(UserError, match="train-00001-of-00003.tfrecord is missing"):
        load_dataset(directory, cache=cache)


def test_damaged_shard_is_named(make_dataset):
    directory = make_dataset(50)
    shard = directory / "train-00002-of-00003.tfrecord"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(data)
    with pytest.raises(UserError, match="train-00002-of-00003.tfrecord has changed"):
        load_dataset(directory)
