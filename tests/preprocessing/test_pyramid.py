"""Smaller images beside the whole ones: averages, in the same order, whole or not there."""

import numpy as np
import pytest

from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing import pyramid
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.specs.image_range import to_uint8

IMAGES = np.random.default_rng(0).integers(0, 256, [50, 16, 16, 3], np.uint8)
LABELS = np.arange(50) % 3


def prepare(output_dir, source=(IMAGES, LABELS), **settings) -> DatasetInfo:
    return prepare_dataset(source, output_dir, progress=False, **{"pyramid": True, **settings})


def read_all(directory, **options):
    _, dataset = load_dataset(directory, batch_size=50, shuffle=False, repeat=False, **options)
    ((images, labels),) = dataset
    return to_uint8(images).numpy(), labels.numpy()


def files_of(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def rounded_averages(images, factor):
    """With whole numbers: a half goes to the even neighbour."""
    count, height, width, channels = images.shape
    sums = images.reshape(count, height // factor, factor, width // factor, factor, channels).sum(
        axis=(2, 4), dtype=int
    )
    quotients, remainders = np.divmod(sums, factor**2)
    return quotients + ((2 * remainders > factor**2) | ((2 * remainders == factor**2) & (quotients % 2 == 1)))


@pytest.mark.parametrize("encoding", ["png", "raw", "webp"])
def test_averages_in_the_order_of_the_whole_images(tmp_path, encoding):
    info = prepare(tmp_path / "set", num_shards=3, encoding=encoding)
    whole, labels = read_all(tmp_path / "set")
    for size in (8, 4):
        level_info = DatasetInfo.load(tmp_path / "set" / "pyramid" / str(size))
        assert level_info.image_shape == (size, size, 3) and level_info.splits["train"].num_examples == 50
        assert level_info.class_names == info.class_names and level_info.spec.encoding == encoding
        level_info.verify(tmp_path / "set" / "pyramid" / str(size))
        images, level_labels = read_all(tmp_path / "set", image_size=size)
        np.testing.assert_array_equal(images, rounded_averages(whole, 16 // size))
        np.testing.assert_array_equal(level_labels, labels)
    assert not (tmp_path / "set" / "pyramid" / "2").exists()


@pytest.mark.parametrize("cache", [True, False])
def test_without_a_pyramid_the_loader_makes_the_same_images(tmp_path, cache):
    prepare(tmp_path / "with")
    prepare(tmp_path / "without", pyramid=False)
    assert not (tmp_path / "without" / "pyramid").exists()
    for options in ({"start_image": 0}, {"start_image": 30, "horizontal_flip": True}):
        info, with_pyramid = load_dataset(tmp_path / "with", batch_size=20, image_size=4, cache=cache, **options)
        assert info.image_shape == (4, 4, 3)
        info, without = load_dataset(tmp_path / "without", batch_size=20, image_size=4, cache=cache, **options)
        assert info.image_shape == (4, 4, 3)
        for batch, expected in zip(with_pyramid.take(4), without.take(4)):
            np.testing.assert_array_equal(batch[0], expected[0])
            np.testing.assert_array_equal(batch[1], expected[1])


def test_only_the_smaller_files_are_read(tmp_path):
    """A 4x4 step decodes no whole image."""
    info = prepare(tmp_path / "set")
    expected = read_all(tmp_path / "set", image_size=4)
    for shard in info.splits["train"].shards:
        (tmp_path / "set" / shard.name).unlink()
    for part, expected_part in zip(read_all(tmp_path / "set", image_size=4), expected):
        np.testing.assert_array_equal(part, expected_part)


def test_a_finished_set_gets_a_pyramid_and_a_finished_pyramid_nothing(tmp_path, monkeypatch):
    prepare(tmp_path / "set", pyramid=False)
    before = files_of(tmp_path / "set")
    prepare(tmp_path / "set")
    after = files_of(tmp_path / "set")
    assert before.items() <= after.items() and len(after) > len(before)
    monkeypatch.setattr(pyramid.beam, "Pipeline", None)  # It would fail if it were used.
    prepare(tmp_path / "set")
    prepare(tmp_path / "set", pyramid=False)
    assert files_of(tmp_path / "set") == after


def test_a_pyramid_that_was_cut_short_is_made_anew(tmp_path):
    prepare(tmp_path / "set")
    whole = files_of(tmp_path / "set")
    (tmp_path / "set" / "pyramid" / "8" / "dataset_info.json").unlink()
    shard = next((tmp_path / "set" / "pyramid" / "4").glob("*.tfrecord.gz"))
    shard.write_bytes(shard.read_bytes()[:-5])
    # Without its description a size is not there; the loader makes it.
    assert read_all(tmp_path / "set", image_size=8)[0].shape == (50, 8, 8, 3)
    with pytest.raises(UserError, match="truncated"):
        read_all(tmp_path / "set", image_size=4)
    prepare(tmp_path / "set")
    assert files_of(tmp_path / "set") == whole


def test_the_pyramid_of_another_set_is_not_read(tmp_path):
    prepare(tmp_path / "set")
    other = (255 - IMAGES, LABELS)
    prepare(tmp_path / "set", other, pyramid=False, force=True)
    assert not (tmp_path / "set" / "pyramid").exists()
    prepare(tmp_path / "first")
    (tmp_path / "first" / "pyramid").rename(tmp_path / "set" / "pyramid")
    with pytest.raises(UserError, match="made from another data set"):
        read_all(tmp_path / "set", image_size=8)
    prepare(tmp_path / "set", other)
    np.testing.assert_array_equal(
        read_all(tmp_path / "set", image_size=8)[0], rounded_averages(read_all(tmp_path / "set")[0], 2)
    )


def test_sides_that_differ_and_sides_that_are_odd(tmp_path):
    wide = prepare(tmp_path / "wide", np.ascontiguousarray(IMAGES[:, :8]))
    assert wide.pyramid_shapes == [(4, 8)]
    assert read_all(tmp_path / "wide", image_size=4)[0].shape == (50, 4, 8, 3)
    with pytest.raises(UserError, match="whose sides are even"):
        prepare(tmp_path / "odd", np.ascontiguousarray(IMAGES[:, :15, :15]))
    with pytest.raises(UserError, match=r"one of 8, 4, since .* Received: image_size=5"):
        load_dataset(tmp_path / "wide", image_size=5)


def test_jpeg_images_are_reduced_to_lossless_ones(tmp_path):
    smooth = np.ascontiguousarray(
        np.linspace(0, 255, 50 * 3).reshape(50, 1, 1, 3).repeat(16, 1).repeat(16, 2).astype("uint8")
    )
    prepare(tmp_path / "set", smooth, encoding="jpeg")
    assert DatasetInfo.load(tmp_path / "set" / "pyramid" / "4").spec.encoding == "png"
    whole, images = read_all(tmp_path / "set")[0], read_all(tmp_path / "set", image_size=4)[0]
    assert np.abs(images.astype(int) - rounded_averages(whole, 4)).max() <= 1
