"""Examples that are there already get the scores of the model that made them, whatever form they come in."""

import functools
import io
import logging
import shutil
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfgan_suite as tg
from tests.metrics.protocol.test_evaluation import CountingExtractor, FakeModel
from tests.prepared_set import write_prepared_examples, write_prepared_set
from tfgan_suite.metrics import (
    BitsPerDimension,
    FrechetDistance,
    InceptionScore,
    IntraClassFrechetDistance,
    KernelDistance,
    MultiScaleSimilarity,
    PerceptualPathLength,
    SlicedWassersteinDistance,
    frechet_distance,
    ms_ssim_diversity,
)
from tfgan_suite.metrics.protocol import scoring_jobs
from tfgan_suite.metrics.protocol.evaluation import compare, evaluate, evaluate_real
from tfgan_suite.metrics.protocol.subject import holds_model
from tfgan_suite.specs.example_spec import ExampleSpec

SHAPE = (8, 8, 3)
METRICS = [FrechetDistance, KernelDistance, InceptionScore]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFGAN_SUITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def real():
    """40 images of each of three classes."""
    labels = np.repeat([0, 1, 2], 40).astype(np.int32)
    noise = np.random.default_rng(0).integers(0, 100, (120, *SHAPE))
    return (noise + labels[:, None, None, None] * 50).astype(np.uint8), labels


@pytest.fixture
def directory(tmp_path, real):
    return write_prepared_set(tmp_path / "set", *real)


@functools.cache
def shared_extractor():
    return CountingExtractor()


def score(subject, data, metrics=None, **arguments):
    arguments = {"extractor": shared_extractor(), "progress": False, **arguments}
    return evaluate(subject, data, metrics or [metric() for metric in METRICS], **arguments)


def values(evaluation):
    return [row.value for row in evaluation]


def png(image):
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG")
    return file.getvalue()


def write_folder(path, images, names="{:05}.png"):
    path.mkdir(parents=True)
    for number, image in enumerate(images):
        (path / names.format(number)).write_bytes(png(image))
    return path


def write_zip(path, images):
    with zipfile.ZipFile(path, "w") as archive:
        for number, image in enumerate(images):
            archive.writestr(f"samples/{number:05}.png", png(image))
    return path


def write_npz(path, images):
    np.savez(path, images)  # `arr_0`, as published sample batches have it.
    return path


FORMS = {
    "array": lambda path, images: images,
    "tensor": lambda path, images: tf.constant(images),
    "pair": lambda path, images: (images, np.zeros(len(images), np.int64)),
    "uint8 dataset": lambda path, images: tf.data.Dataset.from_tensor_slices(images).batch(50),
    "float dataset": lambda path, images: tf.data.Dataset.from_tensor_slices(tg.to_float(images)).batch(13),
    "folder": lambda path, images: write_folder(path / "made", images),
    "text": lambda path, images: str(write_folder(path / "made", images)),
    "zip": lambda path, images: write_zip(path / "made.zip", images),
    "npz": lambda path, images: write_npz(path / "made.npz", images),
    "prepared": lambda path, images: write_prepared_set(path / "made", images),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_score_is_that_of_the_model_that_made_them(form, tmp_path, directory):
    expected = score(FakeModel(), directory, num_images=150)
    rows = score(FORMS[form](tmp_path, FakeModel().generate(150)), directory)
    assert [row.name for row in rows] == [row.name for row in expected]
    np.testing.assert_allclose(values(rows), values(expected), rtol=1e-5)
    for row in rows:
        assert row.run["model"] is None and row.run["images_seen"] is None and row.protocol["weights"] is None
        assert row.protocol["num_fake"] == 150 and len(row.run["given_fingerprint"]) == 16


def test_one_content_has_one_fingerprint_and_what_is_not_known_is_not_compared(tmp_path, directory):
    images = FakeModel().generate(50)
    rows = [score(FORMS[form](tmp_path, images), directory)[0] for form in ("array", "folder", "zip", "npz")]
    assert len({row.run["given_fingerprint"] for row in rows}) == 1
    assert compare(rows[0], rows[1]).difference == pytest.approx(0, abs=1e-6)
    assert "no model" in str(score(images, directory)) and "| no model |" in score(images, directory).to_markdown()
    model_row = score(FakeModel(), directory, num_images=50)[0]
    with pytest.raises(tg.UserError, match="truncation: 1.0 and None"):
        compare(model_row, rows[0])
    assert compare(model_row, rows[0], allow=["truncation", "weights"]).difference == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("form", ["array", "pair", "folder", "zip", "npz"])
def test_real_images_need_not_be_prepared(form, tmp_path, real, directory):
    expected = score(FakeModel(), directory, num_images=60)
    data = FORMS[form](tmp_path / "given" if form == "folder" else tmp_path, real[0])
    extractor = CountingExtractor()
    rows = score(FakeModel(), data, num_images=60, extractor=extractor)
    np.testing.assert_allclose(values(rows), values(expected), rtol=1e-5)
    assert rows[0].protocol["split"] is None and rows[0].protocol["num_real"] == 120
    score(FakeModel(), data, num_images=60, extractor=extractor)
    assert extractor.num_seen == 120 + 60 + 60  # The content's fingerprint is the key of what is kept of it.


def test_two_folders(tmp_path, real):
    extractor, fakes = shared_extractor(), FakeModel().generate(70)
    rows = score(write_folder(tmp_path / "made", fakes), write_folder(tmp_path / "real", real[0]), extractor=extractor)
    expected = frechet_distance(extractor(real[0])[0].numpy(), extractor(fakes)[0].numpy())
    assert rows[0].value == pytest.approx(expected, rel=1e-4)
    reference = evaluate_real(tmp_path / "real", [FrechetDistance()], extractor=extractor, progress=False)[0]
    features = extractor(real[0])[0].numpy()
    second = np.sort(np.random.default_rng(0).permutation(120)[:60])
    halves = features[np.setdiff1d(np.arange(120), second)], features[second]
    assert reference.value == pytest.approx(frechet_distance(*halves), rel=1e-4)


def test_real_images_of_another_size_are_read_as_prepare_reads_them(tmp_path):
    photographs = np.random.default_rng(1).integers(0, 256, (30, 20, 24, 3), np.uint8)
    folder = write_folder(tmp_path / "photographs", photographs)
    tg.prepare_dataset(folder, tmp_path / "set", image_size=8, progress=False)
    unprepared, prepared = (score(FakeModel(), data, num_images=30) for data in (folder, tmp_path / "set"))
    # The order on disk is another one.
    assert unprepared[0].value == pytest.approx(prepared[0].value, rel=1e-5)


def test_gray_and_color_files_are_read_as_the_real_images_are(tmp_path):
    gray = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    inputs = keras.Input([8, 8, 1])
    features = keras.layers.Dense(5, kernel_initializer=keras.initializers.GlorotUniform(2))(
        keras.layers.Flatten()(inputs)
    )
    tiny = tg.metrics.FeatureExtractor(keras.Model(inputs, features), name="tiny")
    data = write_prepared_set(tmp_path / "set", gray[:20])
    expected = score(gray[20:], data, [FrechetDistance()], extractor=tiny)[0].value
    # torchvision's `save_image` writes gray images in color.
    in_color = write_folder(tmp_path / "rgb", np.repeat(gray[20:], 3, axis=3))
    assert score(in_color, data, [FrechetDistance()], extractor=tiny)[0].value == expected
    both = [write_folder(tmp_path / name, gray[rows]) for name, rows in (("a", slice(20, 40)), ("b", slice(20)))]
    assert score(*both, [FrechetDistance()], extractor=tiny)[0].value == pytest.approx(expected, rel=1e-6)
    colored = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    with pytest.raises(tg.UserError, match="must be gray images.*Received: color in 'colored'"):
        score(write_folder(tmp_path / "colored", colored), data, [FrechetDistance()], extractor=tiny)


def test_classes_are_matched_by_their_names(tmp_path, directory, real):
    """Pictures in folders named as the real classes, one of which has none, in another order of labels."""
    metrics = [IntraClassFrechetDistance()]
    fakes = FakeModel(3).generate(60, labels=np.repeat([2, 1, 0], 20), seed=1)
    for name, rows in (("class 2", slice(20)), ("class 1", slice(20, 40)), ("class 0", slice(40, 60))):
        write_folder(tmp_path / "made" / name, fakes[rows])
    row = score(tmp_path / "made", directory, metrics)["intra_class_frechet_distance_60"]
    extractor = shared_extractor()
    for label, rows in ((2, slice(20)), (0, slice(40, 60))):
        expected = frechet_distance(extractor(real[0][real[1] == label])[0].numpy(), extractor(fakes[rows])[0].numpy())
        assert row.classes[f"class {label}"]["value"] == pytest.approx(expected, rel=1e-3)
    assert row.protocol["label_sampling"] == "as given"
    shutil.move(tmp_path / "made" / "class 0", tmp_path / "made" / "cats")
    assert score(tmp_path / "made", directory)[0].protocol["label_sampling"] is None
    with pytest.raises(tg.UserError, match="or examples with the data's classes"):
        score(tmp_path / "made", directory, metrics)


def test_metrics_that_need_a_model_are_left_out_and_named(directory, caplog):
    images = FakeModel().generate(40)
    with caplog.at_level(logging.WARNING):
        rows = score(images, directory, [FrechetDistance(), PerceptualPathLength(), BitsPerDimension()])
    assert [row.name for row in rows] == ["frechet_distance_40"]
    assert "Left out, for lack of a model: perceptual_path_length, bits_per_dimension" in caplog.text
    with pytest.raises(tg.UserError, match="must not all need a model.* Received: perceptual_path_length"):
        score(images, directory, [PerceptualPathLength()])
    with pytest.raises(tg.UserError, match="must be objects"):
        score(images, directory, ["frechet_distance"])


def test_files_that_cannot_be_read_are_counted(tmp_path, directory, caplog):
    made = write_folder(tmp_path / "made", FakeModel().generate(40))
    content = (made / "00007.png").read_bytes()
    (made / "00007.png").write_bytes(content[: len(content) // 2])
    (made / "notes.txt").write_text("Made on Tuesday.")
    (made / ".hidden").write_text("")
    with caplog.at_level(logging.WARNING):
        row = score(made, directory, [FrechetDistance()])["frechet_distance_39"]
    assert row.run["given_set_aside"] == 1 and "1 of 40 files of 'made' cannot be read" in caplog.text
    assert "00007.png" in caplog.text and caplog.text.count("cannot be read") == 1
    as_real = score(FakeModel(), made, [FrechetDistance()], num_images=20)[0]
    assert as_real.run["dataset_set_aside"] == 1 and as_real.protocol["num_real"] == 39


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"num_images": 10},
            r"`num_images` is for models, and .* type ndarray is none: leave it out. Received: num_im",
        ),
        ({"seed": 3, "repeats": 2}, "`seed` is for models.* Received: seed=3, repeats=2"),
        ({"truncation": 0.5}, "`truncation` is for models"),
        (
            {"extractor": "dataset-classifier", "data": "array"},
            "learns from a prepared directory. Received: data='ndarray'",
        ),
        ({"split": "test", "data": "array"}, "`split` is for prepared directories"),
    ],
)
def test_arguments_of_models(directory, real, arguments, message):
    arguments = dict(arguments)
    data = real[0] if arguments.pop("data", None) else directory
    with pytest.raises(tg.UserError, match=message):
        score(FakeModel().generate(40), data, [FrechetDistance()], **arguments)


def test_what_asks_for_nothing_is_no_argument_of_models(directory):
    images = FakeModel().generate(40)
    assert values(score(images, directory, seed=0, repeats=1, num_images=None)) == values(score(images, directory))


IMAGES = np.zeros([6, *SHAPE], np.uint8)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (None, "`model` must be a `GenerativeModel`, the path .* type NoneType"),
        (keras.Sequential(), "type Sequential"),
        (FakeModel, "type type"),
        ([IMAGES], "type list"),
        ({"images": IMAGES}, "type dict"),
        (7, "type int"),
        (iter(IMAGES), "of type"),
        ((IMAGES, IMAGES, IMAGES), "type tuple"),
        (IMAGES.astype(np.int32), "must be uint8 images.*dtype=int32"),
        (IMAGES / 255.0, "must be uint8 images.*dtype=float64"),
        (np.zeros([6, 3, 8, 8], np.uint8), "channels last"),
        (IMAGES[:1], "`model` must hold at least 2 images. Received: 1"),
        (np.zeros([6, 4, 8, 3], np.uint8), r"`model` must hold images of the shape of the real ones, \(8, 8, 3\)"),
        (tf.data.Dataset.from_tensor_slices(IMAGES).batch(2).repeat(), "`model` must be a finite dataset"),
        (tf.data.Dataset.from_tensor_slices(IMAGES), "`model` must hold batches"),
        ("nowhere", "There is no directory or file 'nowhere'. `model` must be a `GenerativeModel`, the path"),
        ("nowhere.zip", "There is no directory or file 'nowhere.zip'"),
        ("nowhere.keras", "There is no 'nowhere.keras'"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_what_cannot_be_scored(directory, wrong, message):
    with pytest.raises(tg.UserError, match=message):
        score(wrong, directory)


@pytest.mark.parametrize("wrong", [None, [IMAGES], FakeModel(), 7])
def test_what_holds_no_real_images(wrong):
    with pytest.raises(tg.UserError, match="`data` must be a prepared directory, or images: a folder"):
        score(FakeModel(), wrong)


def test_folders_that_cannot_be_scored(tmp_path, directory):
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "a.png").write_text("no picture")
    for name, message in (("empty", "no example that can be read"), ("words", "such as a.png: Not a JPEG")):
        for subject, data in ((tmp_path / name, directory), (FakeModel(), tmp_path / name)):
            with pytest.raises(tg.UserError, match=message):
                score(subject, data)
    mixed = write_folder(tmp_path / "mixed", FakeModel().generate(3))
    (mixed / "later.png").write_bytes(png(np.zeros([9, 8, 3], np.uint8)))
    with pytest.raises(tg.UserError, match="must be images of one size. Received: 8 x 8 and 9 x 8 pixels in 'mixed'"):
        score(mixed, directory)
    with pytest.raises(tg.UserError, match="must be images of one size"):
        evaluate_real(mixed, [FrechetDistance()], extractor=CountingExtractor(), progress=False)


def test_home_directories_and_addresses(tmp_path, directory, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    images = FakeModel().generate(40)
    write_folder(tmp_path / "made", images)
    write_prepared_set(tmp_path / "again", images)
    expected = values(score(images, directory))
    assert values(score("~/made", "~/set")) == values(score("~/again", "~/set")) == expected
    for subject, data in (("gs://bucket/made", directory), (images, "gs://bucket/set")):
        with pytest.raises(tg.UserError, match="Received: 'gs:/"):
            score(subject, data)


def test_a_path_of_a_model_is_the_model(tmp_path, directory):
    gan = tg.DCGAN(image_shape=SHAPE, base_channels=2)
    (tmp_path / "run").mkdir()
    gan.save(tmp_path / "run" / "model.keras")
    tg.export_saved_model(gan, tmp_path / "exports" / "tiny" / "1")
    expected = values(score(gan, directory, num_images=20))
    for path in ("run", "run/model.keras", "exports/tiny", "exports/tiny/1"):
        rows = score(tmp_path / path, directory, num_images=20)
        np.testing.assert_allclose(values(rows), expected, rtol=1e-3)
        assert rows[0].run["model"] is not None
    assert holds_model(tmp_path / "exports" / "tiny") and not holds_model(directory)
    assert not holds_model(write_folder(tmp_path / "made", IMAGES)) and not holds_model(tmp_path / "nowhere")


def test_batches_do_not_matter_and_are_bounded(directory, real, monkeypatch):
    images = FakeModel().generate(90)
    expected = values(score(images, directory))
    monkeypatch.setattr("tfgan_suite.metrics.numerics.pass_size._NUMBERS_A_PASS", 10 * 8 * 8 * 3)
    sizes = []

    class Noting(CountingExtractor):
        def preprocess(self, images):
            tf.py_function(lambda count: sizes.append(int(count)), [tf.shape(images)[0]], [])
            return super().preprocess(images)

    whole = tf.data.Dataset.from_tensor_slices(real).batch(120)
    for subject, data in ((images, directory), (images, whole), (images, real[0]), (FakeModel(), directory)):
        num_images = 90 if isinstance(subject, FakeModel) else None
        rows = score(subject, data, batch_size=10**6, extractor=Noting(), num_images=num_images)
        np.testing.assert_allclose(values(rows), expected, rtol=1e-5)
        assert max(sizes) == 10
    features, logits = Noting()(images)  # A call by hand.
    np.testing.assert_allclose(features, CountingExtractor()(images)[0], rtol=1e-6)
    assert features.shape[0] == logits.shape[0] == 90 and max(sizes) == 10


class PointSpec(ExampleSpec):
    kind, unit = "given_point", ("point", "points")


class PointFeatures:
    name, name_prefix, num_classes, kinds = "coordinates", "", None, ("given_point",)

    def __call__(self, examples):
        return examples, None

    def provenance(self):
        return {"extractor": self.name}

    def origin(self):
        return {}


def test_other_kinds_than_images(tmp_path):
    tg.register_example_spec(PointSpec)
    real, made = (np.random.default_rng(seed).normal(size=[40, 3]).astype("float32") for seed in (0, 1))
    data = write_prepared_examples(tmp_path / "set", PointSpec([3]), real)
    arguments = {"extractor": PointFeatures(), "progress": False}
    expected = frechet_distance(real, made)
    assert evaluate(made, data, [FrechetDistance()], **arguments)[0].value == pytest.approx(expected, rel=1e-5)
    other = write_prepared_examples(tmp_path / "made", PointSpec([3]), made)
    assert evaluate(other, data, [FrechetDistance()], **arguments)[0].value == pytest.approx(expected, rel=1e-5)
    with pytest.raises(tg.UserError, match=r"must be float32 of shape \['count', 3\].* Received: dtype=uint8"):
        evaluate(IMAGES, data, [FrechetDistance()], **arguments)
    with pytest.raises(tg.UserError, match="`model` holds images; the real ones are points"):
        evaluate(write_prepared_set(tmp_path / "images", IMAGES), data, [FrechetDistance()], **arguments)


def test_scores_of_pixels_load_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(scoring_jobs, "EfficientNetLite0", lambda: pytest.fail("An extractor was loaded."))
    real, made = (np.random.default_rng(seed).integers(0, 256, (20, 16, 16, 3), np.uint8) for seed in (0, 1))
    data, folder = write_prepared_set(tmp_path / "set", real), write_folder(tmp_path / "made", made)
    metrics = [SlicedWassersteinDistance(), MultiScaleSimilarity(num_pairs=10)]
    rows = [evaluate(subject, data, metrics, progress=False) for subject in (made, folder)]
    assert values(rows[0]) == values(rows[1]) and rows[0][1].name == "ms_ssim_20"
    assert values(rows[0])[1] == ms_ssim_diversity(made, 10)[0]
