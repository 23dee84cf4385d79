import dataclasses
import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, saved_model_pb2

from tests.serving.conftest import lively_gan
from tfgan_suite.data.dataset_info import DatasetInfo, ShardInfo, SplitInfo
from tfgan_suite.exports import saved_model
from tfgan_suite.exports.saved_model import export_saved_model, load_generator, next_version
from tfgan_suite.foundation import files
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import Discriminates, Encodes, HasLatents
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.specs.condition import Condition
from tfgan_suite.specs.image_spec import ImageSpec

MAX_COUNT = 8


@pytest.fixture(scope="module")
def digits():
    """Conditional, grey, with optimizers."""
    gan = lively_gan(image_shape=(16, 16, 1), num_classes=3, label_weights=[1, 1, 8], seed=1)
    gan.compile()
    return gan


@pytest.fixture(scope="module")
def exported_digits(tmp_path_factory, digits):
    return export_saved_model(digits, tmp_path_factory.mktemp("saved_models") / "digits", max_count=MAX_COUNT)


@pytest.fixture(scope="module")
def signatures(exported_digits):
    loaded = tf.saved_model.load(str(exported_digits))
    yield loaded.signatures
    del loaded


def seeded(count, labels=(), seed=0, truncation=1.0):
    return {
        "seed": tf.constant(seed, tf.int64),
        "count": tf.constant(count, tf.int32),
        "truncation": tf.constant(truncation, tf.float32),
        "labels": tf.constant(labels, tf.int32),
    }


class Stripes(HasLatents, GenerativeModel):
    """A generative model that is no GAN: each image is one shade."""

    spec = ImageSpec((4, 4, 5))
    latent_shape = (1,)

    def __init__(self, noise=0.0):
        super().__init__()
        self.noise = noise
        if noise:
            self.noises = tf.random.Generator.from_non_deterministic_state()
        self.shade = self.add_weight(name="shade", shape=(), initializer="ones")
        self.unused = self.add_weight(name="unused", shape=(1000,))
        self.built = True

    def sample_latents(self, batch_size, seed):
        return tf.random.stateless_uniform([batch_size, 1], seed, -1.0, 1.0)

    def call(self, latents, labels=None, training=False):
        images = tf.tile(latents[:, :, None, None] * self.shade, [1, 4, 4, 5])
        if not self.noise:
            return images
        # Of a generator of its own: under a global seed, set by anyone, tf.random's would repeat themselves.
        return images + self.noise * self.noises.uniform(tf.shape(images))


# === The same images ===


@pytest.mark.parametrize(
    ("count", "labels", "truncation", "seed"),
    [(1, [], 1.0, 0), (8, [], 0.5, 7), (3, [2, 0, 1], 1.0, 2**40 + 1), (2, [1, 1], 0.0, -5)],
)
def test_generate_is_bit_equal_to_keras(digits, exported_digits, signatures, count, labels, truncation, seed):
    expected = digits.generate(count, labels=labels or None, truncation=truncation, seed=seed)
    assert truncation < 1.0 or expected.std() > 10  # Not a grey field that would equal anything.
    inputs = seeded(count, labels, seed, truncation)
    images = signatures["generate"](**inputs)["images"]
    assert images.dtype == tf.uint8
    np.testing.assert_array_equal(images, expected)
    loaded = load_generator(exported_digits)
    np.testing.assert_array_equal(
        loaded.generate(count, labels=labels or None, truncation=truncation, seed=seed), expected
    )
    pngs = signatures["generate_png"](**inputs)["png_bytes"]
    np.testing.assert_array_equal([tf.io.decode_png(png) for png in pngs], expected)


def test_several_requests_in_one_are_each_their_own(digits, signatures):
    seeds, counts, truncations = [3, 4, 3], [2, 1, 4], [1.0, 0.5, 0.25]
    expected = [
        digits.generate(count, seed=seed, truncation=truncation)
        for seed, count, truncation in zip(seeds, counts, truncations, strict=True)
    ]
    images = signatures["generate"](**seeded(counts, [], seeds, truncations))["images"]
    np.testing.assert_array_equal(images, np.concatenate(expected))


def test_latents_to_images_and_images_to_logits(digits, exported_digits, signatures):
    latents = tf.random.stateless_uniform([5, 8], [1, 2], -1.0, 1.0)
    labels = tf.constant([0, 1, 2, 1, 0])
    images = signatures["serving_default"](latents=latents, labels=labels)["images"]
    assert images.dtype == tf.float32
    np.testing.assert_allclose(images, digits(latents, labels), atol=1e-6)
    assert np.abs(images).max() <= 1.0

    pixels = tf.constant(digits.generate(5, labels=labels.numpy()))
    logits = signatures["discriminate"](images=pixels, labels=labels)["logits"]
    assert logits.shape == [5]
    expected = digits.discriminate(tf.cast(pixels, tf.float32) / 127.5 - 1.0, labels)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    loaded = load_generator(exported_digits)
    assert loaded.can(Discriminates) and not loaded.can(Encodes)
    np.testing.assert_allclose(
        loaded.discriminate(tf.cast(pixels, tf.float32) / 127.5 - 1.0, labels), expected, atol=1e-5
    )


def test_load_generator_is_a_generative_model_without_limit(digits, exported_digits):
    loaded = load_generator(exported_digits.parent)
    assert (loaded.image_shape, loaded.num_classes, loaded.latent_size) == ((16, 16, 1), 3, 8)
    np.testing.assert_array_equal(loaded.generate(100, seed=9), digits.generate(100, seed=9))
    np.testing.assert_array_equal(loaded.sample(20, seed=9), digits.sample(20, seed=9))
    np.testing.assert_array_equal(loaded.generate(3, labels=1), digits.generate(3, labels=1))
    with pytest.raises(UserError, match=r"`labels` must be labels from 0 to 2"):
        loaded.generate(1, labels=3)
    assert loaded.card["model"]["class"] == "DCGAN"
    with pytest.raises(UserError, match="An exported model generates and cannot be trained"):
        loaded.compile()


def test_load_generator_does_not_depend_on_the_global_precision(digits, exported_digits):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        images = load_generator(exported_digits).generate(3, seed=9)
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(images, digits.generate(3, seed=9))


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_unconditional_and_mixed_precision(tmp_path, dtype):
    gan = lively_gan(image_shape=(16, 16, 3), dtype=dtype)
    path = export_saved_model(gan, tmp_path / "faces", max_count=2)
    signature = tf.saved_model.load(str(path)).signatures["generate"]
    assert set(signature.structured_input_signature[1]) == {"seed", "count", "truncation"}
    inputs = {name: value for name, value in seeded(2).items() if name != "labels"}
    np.testing.assert_array_equal(signature(**inputs)["images"], gan.generate(2))
    with pytest.raises(UserError, match="unconditional"):
        load_generator(path).generate(1, labels=0)


def test_a_model_on_two_replicas(tmp_path, two_replicas):
    with two_replicas.scope():
        gan = lively_gan(image_shape=(16, 16, 1), num_classes=3)
        gan.compile()
    path = export_saved_model(gan, tmp_path / "digits", max_count=4)
    images = tf.saved_model.load(str(path)).signatures["generate"](**seeded(4, seed=2))["images"]
    np.testing.assert_array_equal(images, gan.generate(4, seed=2))
    weights = [*gan.ema_generator.weights, *gan.discriminator.weights]
    saved = tf.train.list_variables(f"{path}/variables/variables")
    assert len([name for name, _ in saved if name.endswith("VARIABLE_VALUE")]) == len(weights)


def test_models_that_are_no_gans(tmp_path):
    model = Stripes()
    path = export_saved_model(model, tmp_path / "stripes" / "3")
    loaded = tf.saved_model.load(str(path))
    assert set(loaded.signatures) == {"serving_default", "generate"}  # No discriminator; five channels make no PNG.
    # A model without sampling options has no input for any.
    assert set(loaded.signatures["generate"].structured_input_signature[1]) == {"seed", "count"}
    np.testing.assert_array_equal(load_generator(path).generate(70, seed=2), model.generate(70, seed=2))
    shapes = [
        shape for name, shape in tf.train.list_variables(f"{path}/variables/variables") if "VARIABLE_VALUE" in name
    ]
    assert shapes == [[]]  # `unused` is not there.


# === As TensorFlow Serving runs it ===


@pytest.fixture(scope="module")
def session_call(exported_digits):
    """Calls a signature in a session: TensorFlow Serving's engine, with no Python in between that looks at shapes."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(exported_digits))

    def call(name, inputs):
        signature = graph.signature_def[name]
        names = sorted(signature.inputs)
        options = config_pb2.CallableOptions(
            feed=[signature.inputs[name].name for name in names],
            fetch=[tensor.name for tensor in signature.outputs.values()],
        )
        return session._make_callable_from_options(options)(*[np.asarray(inputs[name]) for name in names])

    yield call
    session.close()


def arrays(**inputs):
    dtypes = {"latents": "f4", "labels": "i4", "seed": "i8", "count": "i4", "truncation": "f4", "images": "u1"}
    return {name: np.array(value, dtypes[name]) for name, value in inputs.items()}


@pytest.mark.parametrize(
    ("signature", "inputs", "reason"),
    [
        (
            "serving_default",
            {"latents": np.zeros([1, 7]), "labels": [0]},
            r"\[1,7\] is not compatible with .* \[\?,8\]",
        ),
        ("serving_default", {"latents": np.zeros([8]), "labels": [0]}, r"\[8\] is not compatible"),
        ("serving_default", {"latents": np.zeros([0, 8]), "labels": []}, "latents must hold 1 to 8 rows"),
        ("serving_default", {"latents": np.zeros([9, 8]), "labels": [0] * 9}, "latents must hold 1 to 8 rows"),
        ("serving_default", {"latents": [[np.nan] * 8], "labels": [0]}, "latents must be finite numbers"),
        ("serving_default", {"latents": [[np.inf] * 8], "labels": [0]}, "latents must be finite numbers"),
        ("serving_default", {"latents": np.zeros([2, 8]), "labels": [0]}, "labels must be one for each image"),
        ("serving_default", {"latents": np.zeros([1, 8]), "labels": [3]}, "labels must be from 0 to 2"),
        ("serving_default", {"latents": np.zeros([1, 8]), "labels": [-1]}, "labels must be from 0 to 2"),
        ("generate", dict(seed=0, count=9, truncation=1, labels=[]), "count must be from 1 to 8"),
        ("generate", dict(seed=0, count=2**31 - 1, truncation=1, labels=[]), "count must be from 1 to 8"),
        ("generate", dict(seed=[0] * 3, count=[2**31 - 1] * 3, truncation=[1] * 3, labels=[]), "count must be from 1"),
        ("generate", dict(seed=0, count=0, truncation=1, labels=[]), "count must be from 1 to 8"),
        ("generate_png", dict(seed=0, count=-1, truncation=1, labels=[]), "count must be from 1 to 8"),
        ("generate", dict(seed=[], count=[], truncation=[], labels=[]), "one number each"),
        ("generate", dict(seed=[0, 1], count=1, truncation=1, labels=[]), "one number each"),
        ("generate", dict(seed=0, count=1, truncation=1.5, labels=[]), "truncation must be from 0 to 1"),
        ("generate", dict(seed=0, count=1, truncation=np.nan, labels=[]), "truncation must be from 0 to 1"),
        ("generate", dict(seed=0, count=2, truncation=1, labels=[1]), "labels must be one for each image"),
        ("generate", dict(seed=0, count=2, truncation=1, labels=[1, 5]), "labels must be from 0 to 2"),
        (
            "discriminate",
            {"images": np.zeros([1, 8, 8, 1]), "labels": [0]},
            r"is not compatible with .* \[\?,16,16,1\]",
        ),
        ("discriminate", {"images": np.zeros([9, 16, 16, 1]), "labels": [0] * 9}, "images must hold 1 to 8 rows"),
    ],
)
def test_the_graph_itself_refuses(session_call, signature, inputs, reason):
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        session_call(signature, arrays(**inputs))


@pytest.mark.parametrize("form", [lambda value: value, lambda value: [value], lambda value: [[value]]])
def test_scalars_and_vectors_of_one_are_alike(session_call, digits, form):
    inputs = arrays(seed=form(5), count=form(2), truncation=form(0.5), labels=[[2, 1]])
    (images,) = session_call("generate", inputs)
    np.testing.assert_array_equal(images, digits.generate(2, labels=[2, 1], truncation=0.5, seed=5))


# === What is in the directory ===


def test_only_what_the_signatures_use_is_saved(digits, exported_digits):
    variables = tf.train.list_variables(f"{exported_digits}/variables/variables")
    saved = sorted(tuple(shape) for name, shape in variables if name.endswith("VARIABLE_VALUE"))
    assert digits.generator_optimizer.variables  # There is a state that could have been saved.
    networks = [*digits.ema_generator.weights, *digits.discriminator.weights]
    assert saved == sorted(tuple(weight.shape) for weight in networks)
    card = load_generator(exported_digits).card
    size = sum(file.stat().st_size for file in exported_digits.rglob("*") if file.is_file())
    assert 0 <= size - card["size_bytes"] < 20_000  # The card does not count itself.


def test_the_graph_needs_no_python_and_no_doubles(exported_digits):
    saved_model = saved_model_pb2.SavedModel.FromString((exported_digits / "saved_model.pb").read_bytes())
    graph = saved_model.meta_graphs[0].graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert not [node.op for node in nodes if "PyFunc" in node.op]
    constants = [node.attr["dtype"].type for node in nodes if node.op == "Const"]
    assert constants and tf.float64.as_datatype_enum not in constants


def test_loads_in_a_process_without_the_package(exported_digits, digits, tmp_path):
    program = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tfgan_suite":
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocker())
import numpy as np
import tensorflow as tf
generate = tf.saved_model.load({str(exported_digits)!r}).signatures["generate"]
inputs = dict(seed=tf.constant(6, tf.int64), count=tf.constant(3), truncation=tf.constant(1.0), labels=tf.constant([0, 1, 2]))
np.save({str(tmp_path / "images.npy")!r}, generate(**inputs)["images"].numpy())
assert "tfgan_suite" not in sys.modules
"""
    run_python(program, cwd=tmp_path)
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), digits.generate(3, labels=[0, 1, 2], seed=6))


def test_saved_model_cli(exported_digits, digits, tmp_path):
    cli = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    options = ["--dir", str(exported_digits), "--tag_set", "serve", "--signature_def", "generate"]
    inputs = "seed=6;count=2;truncation=1.0;labels=[]"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [*cli, "run", *options, "--input_exprs", inputs, "--outdir", str(tmp_path)]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert finished.returncode == 0, finished.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), digits.generate(2, seed=6))


def test_warmup_requests_are_what_tensorflow_serving_reads(exported_digits, signatures):
    prediction_log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    path = exported_digits / "assets.extra" / "tf_serving_warmup_requests"
    records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    played = []
    for record in records:
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == "digits"
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        signatures[request.model_spec.signature_name](**inputs)
        played.append(request.model_spec.signature_name)
        # Written by hand, and yet as the package itself writes it.
        assert prediction_log_pb2.PredictionLog.FromString(log.SerializeToString()) == log
        assert len(log.SerializeToString()) == len(record)
    assert sorted(played) == sorted(2 * list(signatures))


def test_model_card_tells_where_it_comes_from(tmp_path):
    shard = ShardInfo(name="train-0", num_examples=5, size_bytes=10, sha256="ab" * 32)
    info = DatasetInfo(
        name="numerals",
        spec=ImageSpec((16, 16, 1)),
        condition=Condition.of_classes(3, ("zero", "one", "two")),
        splits={"train": SplitInfo(num_examples=5, class_counts=(2, 2, 1), shards=(shard,))},
        license="CC0-1.0",
        source={"kind": "folder", "name": "numerals"},
    )

    @dataclasses.dataclass
    class Row:
        metric: str
        value: np.float32
        protocol: dict

    gan = lively_gan(image_shape=(16, 16, 1), num_classes=3, seed=4)
    gan.examples_seen.assign(1234)
    scores = [Row("frechet_distance_5k", np.float32(41.5), {"extractor": "efficientnet-lite0", "limit": np.inf})]
    path = export_saved_model(
        gan, tmp_path / "numerals" / "12", dataset_info=info, scores=scores, description="Numerals.", license="MIT"
    )
    card = json.loads((path / "assets.extra" / "model_card.json").read_text())
    assert (card["name"], card["version"], card["license"], card["description"]) == ("numerals", 12, "MIT", "Numerals.")
    assert card["training"] == {"examples_seen": 1234, "steps": 0, "seed": 4}
    assert card["data"]["license"] == "CC0-1.0" and card["data"]["fingerprint"] == info.fingerprint
    assert card["data"]["class_names"] == ["zero", "one", "two"]
    assert card["scores"] == [
        {
            "metric": "frechet_distance_5k",
            "value": 41.5,
            "protocol": {"extractor": "efficientnet-lite0", "limit": "inf"},
        }
    ]
    assert card["serving"]["max_count"] == 64
    assert card["serving"]["signatures"]["serving_default"]["inputs"]["latents"] == {
        "dtype": "float32",
        "shape": [None, 8],
    }
    assert card["serving"]["signatures"]["generate"]["inputs"]["seed"] == {"dtype": "int64", "shape": None}
    assert card["versions"]["tensorflow"] == tf.__version__ and card["versions"]["keras"] == keras.__version__
    text = (path / "assets.extra" / "model_card.md").read_text()
    for said in (
        "# numerals, version 12",
        "Numerals.",
        "1,234 images",
        "CC0-1.0",
        "MIT",
        "frechet_distance_5k",
        "`generate_png`",
    ):
        assert said in text

    with pytest.raises(UserError, match=r"Received: images \(16, 16, 1\), 3 classes"):
        export_saved_model(lively_gan(image_shape=(16, 16, 1), num_classes=4), tmp_path / "x", dataset_info=info)
    with pytest.raises(UserError, match="Received: images"):
        export_saved_model(Stripes(), tmp_path / "x", dataset_info=info)


# === Names, versions, accidents ===


def test_versions_are_counted_and_never_overwritten_unasked(tmp_path):
    model = Stripes()
    directory = tmp_path / "stripes"
    assert next_version(directory) == 1
    assert export_saved_model(model, directory) == directory / "1"
    assert export_saved_model(model, str(directory / "9")) == directory / "9"
    assert export_saved_model(model, directory) == directory / "10"
    assert next_version(directory) == 11
    before = (directory / "9" / "saved_model.pb").read_bytes()
    with pytest.raises(UserError, match=r"stripes/9 exists already\. Choose a new version, such as .*stripes/11"):
        export_saved_model(model, directory / "9")
    assert (directory / "9" / "saved_model.pb").read_bytes() == before
    model.shade.assign(0.5)
    export_saved_model(model, directory / "9", overwrite=True)
    np.testing.assert_array_equal(load_generator(directory / "9").generate(3), model.generate(3))
    assert sorted(os.listdir(directory)) == ["1", "10", "9"]


@pytest.mark.parametrize("path", ["stripes/007", "stripes/" + "9" * 19, ".hidden/1", "two words/1", "a:b/1"])
def test_unservable_names_are_refused(tmp_path, path):
    with pytest.raises(UserError, match="Received: "):
        export_saved_model(Stripes(), tmp_path / path)
    assert os.listdir(tmp_path) == []


def test_max_count_is_checked(tmp_path):
    with pytest.raises(UserError, match=r"`max_count` must be >= 1\. Received: max_count=0"):
        export_saved_model(Stripes(), tmp_path / "stripes", max_count=0)


def test_a_model_that_is_not_finite_is_refused(tmp_path):
    model = Stripes()
    model.shade.assign(np.nan)
    with pytest.raises(UserError, match="must make finite images"):
        export_saved_model(model, tmp_path / "stripes")
    assert os.listdir(tmp_path) == []


def test_a_model_that_does_not_repeat_itself_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="differ from the model's by up to"):
        export_saved_model(Stripes(noise=0.5), tmp_path / "stripes")
    assert os.listdir(tmp_path) == []


def test_a_failing_disk_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    export_saved_model(Stripes(), tmp_path / "stripes" / "1")
    monkeypatch.setattr(saved_model, "write_model_card", fail)
    with pytest.raises(OSError, match="No space left"):
        export_saved_model(Stripes(), tmp_path / "stripes" / "2")
    assert os.listdir(tmp_path / "stripes") == ["1"]


def test_a_failing_rename_keeps_the_old_version(tmp_path, monkeypatch):
    path = export_saved_model(Stripes(), tmp_path / "stripes" / "1")
    before = sorted(file.name for file in path.rglob("*"))
    rename = type(path).rename
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)  # As on a system that cannot exchange names.

    def fail(self, target):
        if self.name.startswith(".export-"):
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(type(path), "rename", fail)
    with pytest.raises((OSError, UserError)):
        export_saved_model(Stripes(), path, overwrite=True)
    assert sorted(file.name for file in path.rglob("*")) == before


def test_a_killed_export_leaves_no_version(tmp_path):
    program = f"""
import os, signal
from tfgan_suite.exports import saved_model
from tfgan_suite.models.dcgan.dcgan import DCGAN

# Killed when all is written, but not yet in its place.
saved_model._check_same_examples = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
saved_model.export_saved_model(DCGAN(image_shape=(8, 8, 1), latent_size=4, base_channels=2), {str(tmp_path / "digits" / "1")!r})
"""
    run_python(program, returncode=-signal.SIGKILL)
    (leftover,) = (tmp_path / "digits").iterdir()
    assert leftover.name.startswith(".export-")
    assert (leftover / "saved_model.pb").exists()
    # A later export goes on with version 1, and sweeps the rest away.
    assert export_saved_model(Stripes(), tmp_path / "digits").name == "1"
    assert os.listdir(tmp_path / "digits") == ["1"]


def test_load_generator_refuses_what_it_cannot_load(tmp_path):
    with pytest.raises(UserError, match="There is no directory"):
        load_generator(tmp_path / "nothing")
    with pytest.raises(UserError, match="holds no exported model"):
        load_generator(tmp_path)
    other = tf.Module()
    tf.saved_model.save(other, str(tmp_path / "other" / "1"))
    with pytest.raises(UserError, match="is not a model that export_saved_model has written"):
        load_generator(tmp_path / "other")


def run_python(program, returncode=0, cwd=None):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=120)
    assert finished.returncode == returncode, finished.stderr
