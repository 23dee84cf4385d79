import numpy as np
import pytest

from tfgan_suite.data.sources.tfds_source import TfdsSource
from tfgan_suite.foundation.errors import UserError

tfds = pytest.importorskip("tensorflow_datasets", reason="Needs the extra [tfds].")
IMAGES = np.random.default_rng(0).integers(0, 256, [30, 6, 5, 3], np.uint8)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A small set in the format of TensorFlow Datasets: 20 images to train, 10 to test."""
    import tensorflow as tf

    directory = tmp_path_factory.mktemp("tfds")
    features = {"image": tfds.features.Image(shape=(6, 5, 3)), "label": tfds.features.ClassLabel(names=["cat", "dog"])}

    def examples(rows):
        pairs = {"image": IMAGES[rows], "label": np.array(rows) % 2}
        return tf.data.Dataset.from_tensor_slices(pairs)

    tfds.dataset_builders.store_as_tfds_dataset(
        name="tiny_pets",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": examples(list(range(20))), "test": examples(list(range(20, 30)))},
        data_dir=str(directory),
    )
    return directory


def as_key(pixels: np.ndarray) -> bytes:
    return np.ascontiguousarray(pixels).tobytes()


def test_images_labels_and_names_come_through(data_dir, tmp_path):
    from tfgan_suite.data.images import decode_image

    source = TfdsSource("tiny_pets", data_dir=data_dir)
    assert source.default_settings(None) == {"image_size": (6, 5), "channels": 3, "crop": "center"}
    listing = source.list_items(True, None)
    assert listing.class_names == ("cat", "dog") and len(listing.items) == 20
    loaded = list(source.make_reader(tmp_path, None).read_many(listing.items))
    expected = {as_key(image): row % 2 for row, image in enumerate(IMAGES[:20])}
    found = {
        as_key(np.asarray(decode_image(data))): item.label for item, data in zip(listing.items, loaded, strict=True)
    }
    assert found == expected
    some = [listing.items[row] for row in (3, 4, 9)]
    assert list(source.make_reader(tmp_path, None).read_many(some)) == [loaded[row] for row in (3, 4, 9)]


def test_splits_can_be_joined_and_labels_ignored(data_dir):
    listing = TfdsSource("tiny_pets", "train+test", data_dir).list_items(False, None)
    assert len(listing.items) == 30 and listing.class_names == () and listing.items[0].label is None
    assert len(TfdsSource("tiny_pets", "train+test", data_dir).list_items(True, 7).items) == 7


def test_fingerprint_follows_the_split(data_dir):
    assert (
        TfdsSource("tiny_pets", "train", data_dir).fingerprint()
        == TfdsSource("tiny_pets", "train", data_dir).fingerprint()
    )
    assert (
        TfdsSource("tiny_pets", "train", data_dir).fingerprint()
        != TfdsSource("tiny_pets", "test", data_dir).fingerprint()
    )


def test_prepared_through_its_name(data_dir, tmp_path, monkeypatch):
    prepare_dataset = pytest.importorskip("tfgan_suite.preprocessing.prepare_dataset").prepare_dataset
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    source = TfdsSource("tiny_pets", "test", data_dir)
    info = prepare_dataset(source, tmp_path / "out", progress=False)
    assert info.num_examples == 10 and info.source["kind"] == "tfds" and info.class_names == ("cat", "dog")
    assert info.splits["train"].class_counts == (5, 5)


def test_wrong_names(data_dir):
    with pytest.raises(UserError, match="Unknown TensorFlow data set 'mnits'. Did you mean 'mnist'"):
        TfdsSource("mnits")
    with pytest.raises(
        UserError, match="Unknown split of the TensorFlow data set 'tiny_pets' 'tset'. Did you mean 'test'|tset"
    ):
        TfdsSource("tiny_pets", "tset", data_dir)
