import numpy as np
import pytest

from tfgan_suite.data.sources.open_source import open_source
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
    from tfgan_suite.data.image_files import decode_image

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


def read_all(source, tmp_path) -> list:
    listing = source.list_items(True, None)
    loaded = source.make_reader(tmp_path, None).read_many(listing.items)
    return [(item.label, data) for item, data in zip(listing.items, loaded, strict=True)]


def test_versions_paths_and_builders_are_the_same_set(data_dir, tmp_path, monkeypatch):
    # TFDS_DATA_DIR is read when the package is imported.
    tfds.core.add_data_dir(data_dir)
    expected = read_all(TfdsSource("tiny_pets", "test", data_dir), tmp_path)
    directory = data_dir / "tiny_pets" / "1.0.0"
    monkeypatch.setenv("HOME", str(data_dir))
    spellings = ["tiny_pets:test", "tiny_pets:1.0.0:test", "tiny_pets:1.*.*:test", f"{directory}:test"]
    spellings += [f"{directory.parent}:test", "~/tiny_pets/1.0.0:test"]
    for spelling in spellings:
        source = open_source(f"tfds:{spelling}")
        assert source.name == "tiny_pets test" and read_all(source, tmp_path) == expected
    train = read_all(TfdsSource("tiny_pets", data_dir=data_dir), tmp_path)
    for source in (directory, str(directory), f"tfds:{directory}", "tfds:tiny_pets:1.0.0", tfds.builder("tiny_pets")):
        assert read_all(open_source(source), tmp_path) == train
    assert read_all(TfdsSource(tfds.builder("tiny_pets"), "test"), tmp_path) == expected


def store(directory, name, features, examples, **options):
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets={"train": list(enumerate(examples))},
        data_dir=str(directory),
        **options,
    )
    return TfdsSource(name, data_dir=directory)


def test_array_records_are_read(tmp_path):
    from tfgan_suite.data.image_files import decode_image

    pytest.importorskip("array_record", reason="Needs the package array_record.")
    features = {"image": tfds.features.Image(shape=(6, 5, 3)), "label": tfds.features.ClassLabel(names=["cat", "dog"])}
    examples = [{"image": image, "label": row % 2} for row, image in enumerate(IMAGES[:20])]
    source = store(tmp_path, "records", features, examples, file_format="array_record")
    found = {as_key(np.asarray(decode_image(data))): label for label, data in read_all(source, tmp_path)}
    assert found == {as_key(image): row % 2 for row, image in enumerate(IMAGES[:20])}
    items = source.list_items(False, 3).items
    assert len(list(source.make_reader(tmp_path, None).read_many(items))) == 3 and items[0].label is None
    half = TfdsSource("records", "train[:50%]", tmp_path)
    assert read_all(half, tmp_path) == read_all(source, tmp_path)[:10]


def test_floats_are_refused_not_read_as_colors(tmp_path):
    features = {"image": tfds.features.Image(shape=(6, 5, 1), dtype=np.float32)}
    with pytest.raises(UserError, match="'heights' must be uint8 or uint16. Received: float32"):
        store(tmp_path, "heights", features, [{"image": IMAGES[0, ..., :1] / np.float32(255)}])


def test_an_image_without_a_label_is_set_aside(tmp_path):
    features = {
        "picture": tfds.features.Image(shape=(6, 5, 3)),
        "label": tfds.features.ClassLabel(names=["cat", "dog"]),
    }
    features["zoomed"] = tfds.features.Image(shape=(6, 5, 3))
    rows = [{"picture": image, "zoomed": image, "label": row - 1} for row, image in enumerate(IMAGES[:3])]
    listing = store(tmp_path, "partly", features, rows).list_items(True, None)
    assert sorted(item.label for item in listing.items) == [0, 1]
    assert [image.reason for image in listing.refused] == ["no_label"]
    # A set that was stored lists its features alphabetically, or as they were declared: one of them is taken, and it is said.
    assert listing.notes in {
        ("The images are the feature 'picture'. Not used: zoomed.",),
        ("The images are the feature 'zoomed'. Not used: picture.",),
    }


def test_wrong_paths_and_versions(data_dir, tmp_path):
    with pytest.raises(UserError, match="directory of one version, which holds features.json.*holds none"):
        TfdsSource(tmp_path)
    with pytest.raises(UserError, match="tiny_pets:9.9.9"):
        TfdsSource("tiny_pets:9.9.9", data_dir=data_dir)
    with pytest.raises(UserError, match="cannot open 'mnist:9.9.9'"):
        TfdsSource("mnist:9.9.9", data_dir=tmp_path)
    with pytest.raises(UserError, match="cannot open 'cycle_gan/nothing'"):
        TfdsSource("cycle_gan/nothing", data_dir=tmp_path)
    with pytest.raises(UserError, match="a name, a path or a builder"):
        TfdsSource(5)


def test_a_set_that_cannot_be_downloaded(data_dir, monkeypatch):
    def fail(self, **options):
        raise ConnectionError("no network")

    builder = tfds.builder("tiny_pets", data_dir=data_dir)
    monkeypatch.setattr(type(builder), "download_and_prepare", fail)
    with pytest.raises(UserError, match="cannot prepare 'tiny_pets': no network"):
        TfdsSource(builder)


def test_wrong_names(data_dir):
    with pytest.raises(UserError, match="Unknown TensorFlow data set 'mnits'. Did you mean 'mnist'"):
        TfdsSource("mnits")
    with pytest.raises(
        UserError, match="Unknown split of the TensorFlow data set 'tiny_pets' 'tset'. Did you mean 'test'|tset"
    ):
        TfdsSource("tiny_pets", "tset", data_dir)
