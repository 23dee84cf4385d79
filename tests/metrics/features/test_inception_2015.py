import dataclasses
import hashlib
import io
import tarfile
from collections import Counter, OrderedDict
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.golden_vectors import assert_near
from tests.metrics.features.frozen_inception import FrozenInception
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.files import file_sha256
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.metrics import Inception2015, InceptionScore, download_inception_2015, inception_score
from tfgan_suite.metrics.features import inception_2015_weights
from tfgan_suite.metrics.features.inception_2015_formats import from_protobuf, port_names
from tfgan_suite.metrics.features.inception_2015_network import build_inception_2015
from tfgan_suite.metrics.features.inception_2015_weights import read_inception_2015
from tfgan_suite.metrics.protocol.evaluation import compare, evaluate
from tfgan_suite.specs.image_spec import ImageSpec


def photographs():
    """uint8 [2, 160, 160, 3]."""
    files = (Path(__file__).parent / f"{name}_160.jpg" for name in ("chelsea", "coffee"))
    return np.stack([np.asarray(Image.open(file)) for file in files])


@pytest.fixture(scope="module")
def frozen():
    return FrozenInception(seed=0)


@pytest.fixture(scope="module")
def graph_file(frozen, tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "classify_image_graph_def.pb"
    path.write_bytes(frozen.graph.SerializeToString())
    return path


@pytest.fixture(scope="module")
def extractor(graph_file):
    return Inception2015(graph_file, weights_sha256=file_sha256(graph_file))


def read_trusted(path):
    return read_inception_2015(path, file_sha256(path / "saved_model.pb" if path.is_dir() else path))


# === The network ===


def test_equals_the_frozen_graph(frozen, extractor):
    features, logits = extractor(photographs())
    expected_features, expected_logits = frozen(photographs())
    assert_near(features, expected_features, 1e-5)
    assert_near(logits, expected_logits, 1e-5)
    # Far from what a wrong pooling or border would give: these move features by percents.
    assert expected_features.std() > 0.1 and np.abs(expected_features[0] - expected_features[1]).max() > 0.1


def test_counts_and_shapes_are_the_published_ones(extractor):
    model = extractor.model
    kernels = [layer.kernel.shape for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    # Keras's Inception-v3 of 2016: 21,802,784 without the classifier, in the same 94 convolutions with 3 numbers for
    # each of 17,216 channels.
    assert len(kernels) == 94 == len(port_names())
    assert sum(shape[3] for shape in kernels) == 17_216
    assert sum(int(np.prod(shape)) for shape in kernels) + 3 * 17_216 == 21_802_784
    other = keras.applications.InceptionV3(include_top=False, weights=None)
    assert Counter(kernels) == Counter(
        layer.kernel.shape for layer in other.layers if isinstance(layer, keras.layers.Conv2D)
    )
    assert model.count_params() == 21_802_784 - 2 * 17_216 + 2048 * 1008  # Normalisation became one bias a channel.
    sizes = [(149, 32), (147, 32), (147, 64), (73, 80), (71, 192)]
    for name, (size, channels) in zip(["conv", "conv_1", "conv_2", "conv_3", "conv_4"], sizes):
        assert model.get_layer(name).output.shape == (None, size, size, channels)
    joined = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Concatenate)]
    assert joined == [
        *[(35, 35, 256), (35, 35, 288), (35, 35, 288)],
        *[(17, 17, 768)] * 5,
        *[(8, 8, 1280), (8, 8, 2048), (8, 8, 2048)],
    ]
    assert (extractor.input_size, extractor.num_features, extractor.num_classes) == ((299, 299), 2048, 1008)


class Flipped(GenerativeModel):
    """A model whose images are the photographs, mirrored."""

    spec = ImageSpec((160, 160, 3))

    def generate(self, count, **_):
        return np.repeat(photographs()[:, :, ::-1], -(-count // 2), axis=0)[:count]


def test_rows_name_extractor_weights_and_resize(extractor, graph_file):
    data, metrics = tf.data.Dataset.from_tensors(photographs()), [InceptionScore(splits=1)]
    (row,) = evaluate(Flipped(), data, metrics, extractor=extractor, num_images=2, progress=False)
    value, _ = inception_score(extractor(Flipped().generate(2))[1].numpy(), splits=1)
    assert row.name == "inception_score_2" and row.value == pytest.approx(value, rel=1e-5)
    assert row.protocol["extractor"] == "inception-2015-12-05"
    assert row.protocol["extractor_weights_sha256"] == read_trusted(graph_file).sha256
    assert row.protocol["extractor_input_size"] == [299, 299]
    assert row.protocol["extractor_resize"].startswith("legacy_tensorflow: bilinear")
    assert row.run["extractor_weights_file"] == "classify_image_graph_def.pb"
    assert row.run["extractor_weights_file_sha256"] == file_sha256(graph_file)
    assert row.run["extractor_weights_file_published"] is False
    clean = Inception2015(graph_file, resize="clean", weights_sha256=file_sha256(graph_file))
    assert clean.provenance()["extractor_resize"].startswith("clean: bicubic")
    with pytest.raises(UserError, match="extractor_resize"):
        compare(row, dataclasses.replace(row, protocol={**row.protocol, **clean.provenance()}))
    pixels = clean.preprocess(tf.constant(photographs())).numpy() * 128 + 128
    green = Image.fromarray(photographs()[0, :, :, 1].astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(pixels[0, :, :, 1], np.asarray(green).clip(0, 255), atol=1e-3)


class PlainPort:
    """The port's network, written out in PyTorch; weights are made when they are first asked for."""

    def __init__(self, torch, seed):
        self.torch, self.functional = torch, torch.nn.functional
        self.generator = torch.Generator().manual_seed(seed)
        self.state = {}

    def normal(self, *shape):
        return self.torch.randn(*shape, generator=self.generator)

    def conv(self, x, name, filters, height, width, stride=1, padding=None):
        fan_in = x.shape[1] * height * width
        self.state |= {
            f"{name}.conv.weight": self.normal(filters, x.shape[1], height, width) * (2 / fan_in) ** 0.5,
            f"{name}.bn.weight": 1 + self.normal(filters) / 10,
            f"{name}.bn.bias": self.normal(filters) / 5,
            f"{name}.bn.running_mean": self.normal(filters) / 5,
            f"{name}.bn.running_var": 1 + self.normal(filters).abs(),
            f"{name}.bn.num_batches_tracked": self.torch.tensor(0),
        }
        weight, gamma, beta, mean, variance, _ = list(self.state.values())[-6:]
        padding = (height // 2, width // 2) if padding is None else padding
        x = self.functional.conv2d(x, weight, stride=stride, padding=padding)
        return self.functional.batch_norm(x, mean, variance, gamma, beta, eps=0.001).relu()

    def max_pool(self, x):
        return self.functional.max_pool2d(x, 3, 2)

    def average(self, x):
        return self.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    def __call__(self, x):
        x = self.conv(x, "Conv2d_1a_3x3", 32, 3, 3, 2, 0)
        x = self.conv(x, "Conv2d_2a_3x3", 32, 3, 3, 1, 0)
        x = self.max_pool(self.conv(x, "Conv2d_2b_3x3", 64, 3, 3))
        x = self.conv(x, "Conv2d_3b_1x1", 80, 1, 1)
        x = self.max_pool(self.conv(x, "Conv2d_4a_3x3", 192, 3, 3, 1, 0))
        for name, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = self.block_a(x, name, pooled)
        x = self.block_b(x, "Mixed_6a")
        for name, filters in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = self.block_c(x, name, filters)
        x = self.block_d(x, "Mixed_7a")
        x = self.block_e(x, "Mixed_7b", self.average)
        x = self.block_e(x, "Mixed_7c", lambda x: self.functional.max_pool2d(x, 3, 1, 1))
        features = x.mean((2, 3))
        self.state |= {"fc.weight": self.normal(1008, 2048) / 45, "fc.bias": self.normal(1008)}
        return features, features @ self.state["fc.weight"].T

    def block_a(self, x, name, pooled):
        five = self.conv(self.conv(x, f"{name}.branch5x5_1", 48, 1, 1), f"{name}.branch5x5_2", 64, 5, 5)
        three = self.conv(x, f"{name}.branch3x3dbl_1", 64, 1, 1)
        three = self.conv(three, f"{name}.branch3x3dbl_2", 96, 3, 3)
        three = self.conv(three, f"{name}.branch3x3dbl_3", 96, 3, 3)
        pool = self.conv(self.average(x), f"{name}.branch_pool", pooled, 1, 1)
        return self.torch.cat([self.conv(x, f"{name}.branch1x1", 64, 1, 1), five, three, pool], 1)

    def block_b(self, x, name):
        three = self.conv(x, f"{name}.branch3x3dbl_1", 64, 1, 1)
        three = self.conv(three, f"{name}.branch3x3dbl_2", 96, 3, 3)
        three = self.conv(three, f"{name}.branch3x3dbl_3", 96, 3, 3, 2, 0)
        one = self.conv(x, f"{name}.branch3x3", 384, 3, 3, 2, 0)
        return self.torch.cat([one, three, self.max_pool(x)], 1)

    def block_c(self, x, name, filters):
        seven = self.conv(x, f"{name}.branch7x7_1", filters, 1, 1)
        seven = self.conv(seven, f"{name}.branch7x7_2", filters, 1, 7)
        seven = self.conv(seven, f"{name}.branch7x7_3", 192, 7, 1)
        twice = self.conv(x, f"{name}.branch7x7dbl_1", filters, 1, 1)
        twice = self.conv(twice, f"{name}.branch7x7dbl_2", filters, 7, 1)
        twice = self.conv(twice, f"{name}.branch7x7dbl_3", filters, 1, 7)
        twice = self.conv(twice, f"{name}.branch7x7dbl_4", filters, 7, 1)
        twice = self.conv(twice, f"{name}.branch7x7dbl_5", 192, 1, 7)
        pool = self.conv(self.average(x), f"{name}.branch_pool", 192, 1, 1)
        return self.torch.cat([self.conv(x, f"{name}.branch1x1", 192, 1, 1), seven, twice, pool], 1)

    def block_d(self, x, name):
        three = self.conv(self.conv(x, f"{name}.branch3x3_1", 192, 1, 1), f"{name}.branch3x3_2", 320, 3, 3, 2, 0)
        seven = self.conv(x, f"{name}.branch7x7x3_1", 192, 1, 1)
        seven = self.conv(seven, f"{name}.branch7x7x3_2", 192, 1, 7)
        seven = self.conv(seven, f"{name}.branch7x7x3_3", 192, 7, 1)
        seven = self.conv(seven, f"{name}.branch7x7x3_4", 192, 3, 3, 2, 0)
        return self.torch.cat([three, seven, self.max_pool(x)], 1)

    def block_e(self, x, name, pool):
        three = self.conv(x, f"{name}.branch3x3_1", 384, 1, 1)
        twice = self.conv(self.conv(x, f"{name}.branch3x3dbl_1", 448, 1, 1), f"{name}.branch3x3dbl_2", 384, 3, 3)
        parts = [
            self.conv(x, f"{name}.branch1x1", 320, 1, 1),
            self.conv(three, f"{name}.branch3x3_2a", 384, 1, 3),
            self.conv(three, f"{name}.branch3x3_2b", 384, 3, 1),
            self.conv(twice, f"{name}.branch3x3dbl_3a", 384, 1, 3),
            self.conv(twice, f"{name}.branch3x3dbl_3b", 384, 3, 1),
            self.conv(pool(x), f"{name}.branch_pool", 192, 1, 1),
        ]
        return self.torch.cat(parts, 1)


def test_equals_the_port(tmp_path):
    torch = pytest.importorskip("torch", reason="Needs torch, to compare with.")
    port, path = PlainPort(torch, seed=1), tmp_path / "port.pth"
    image = np.random.default_rng(0).integers(0, 256, (1, 299, 299, 3), np.uint8)
    with torch.no_grad():
        scaled = torch.from_numpy(image.transpose(0, 3, 1, 2).astype(np.float32) - 128) / 128
        features, logits = port(scaled)
    # As modules save themselves, in the format of the years when the port was made.
    state = OrderedDict(port.state)
    state._metadata = OrderedDict({"": {"version": 1}})
    torch.save(state, path, _use_new_zipfile_serialization=False)
    model = build_inception_2015(read_trusted(path).arrays)
    received = model(scaled.numpy().transpose(0, 2, 3, 1), training=False)
    assert_near(received[0], features.numpy(), 1e-5)
    assert_near(received[1], logits.numpy(), 1e-5)


# === The files ===


def test_every_form_of_the_graph_gives_the_same_weights(frozen, graph_file, tmp_path):
    expected = read_trusted(graph_file)
    archive = tmp_path / "inception-2015-12-05.tgz"
    with tarfile.open(archive, "w:gz", compresslevel=0) as file:
        file.add(graph_file, "./classify_image_graph_def.pb")
    assert read_trusted(archive).sha256 == expected.sha256

    def run(images):
        return tf.import_graph_def(
            frozen.graph, {"Mul:0": images}, ["pool_3:0", "softmax/logits/MatMul:0"], name="inside"
        )

    module = tf.Module()
    specification = tf.TensorSpec([None, 299, 299, 3], tf.float32)
    module.__call__ = tf.function(run, input_signature=[specification], autograph=False)
    tf.saved_model.save(module, tmp_path / "module")
    of_module = read_trusted(tmp_path / "module")
    assert of_module.sha256 == expected.sha256 and of_module.file == "saved_model.pb"
    assert not of_module.published and of_module.file_sha256 != expected.file_sha256


def test_another_network_is_refused(frozen):
    def changed(name, change):
        graph = tf.compat.v1.GraphDef()
        graph.CopyFrom(frozen.graph)
        change(next(node for node in graph.node if node.name == name))
        return graph.SerializeToString()

    def average(node):
        node.op = "AvgPool"

    def narrower(node):
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.zeros([1, 1, 64, 79], np.float32)))

    def other_epsilon(node):
        node.attr["variance_epsilon"].f = 1e-5

    def rename(node):
        node.name = "conv_5/conv2d_params"

    with pytest.raises(UserError, match="'mixed_10/tower_2/pool' must be MaxPool, as in Inception. Received: AvgPool"):
        from_protobuf(changed("mixed_10/tower_2/pool", average))
    with pytest.raises(UserError, match="epsilon in 'conv_1/batchnorm' must be 0.001"):
        from_protobuf(changed("conv_1/batchnorm", other_epsilon))
    with pytest.raises(UserError, match="lacks 'conv_3/conv2d_params'"):
        from_protobuf(changed("conv_3/conv2d_params", rename))
    with pytest.raises(UserError, match=r"the shape \(1, 1, 64, 80\). Received: shape=\(1, 1, 64, 79\)"):
        build_inception_2015(from_protobuf(changed("conv_3/conv2d_params", narrower)))


def test_scaling_after_normalization_is_what_the_graph_says(frozen):
    """The original does not scale: there `gamma` stands in the file and is not looked at."""
    node = next(node for node in frozen.graph.node if node.name == "conv/batchnorm")
    assert (from_protobuf(frozen.graph.SerializeToString())["conv/batchnorm/gamma"] == 1).all()
    node.attr["scale_after_normalization"].b = True
    try:
        assert (from_protobuf(frozen.graph.SerializeToString())["conv/batchnorm/gamma"] != 1).all()
    finally:
        node.attr["scale_after_normalization"].b = False


def archive_of(name, content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"neither one nor the other", "it is none of these"),
        (b"", "has no constants"),
        (tf.compat.v1.GraphDef().SerializeToString() + b"\x0a\x00", "has no constants"),
        (b"\x08\x01", "has no constants"),  # A SavedModel without a graph.
        (b"\x0a\xff\xff", "it is none of these"),
        (b"\x80\x04garbage", "PyTorch checkpoint|ends"),
        (b"\x1f\x8b and no archive", "damaged archive"),
        (archive_of("readme.txt", b"hello"), "has neither"),
        (archive_of("a/classify_image_graph_def.pb", b"\x0a\x00"), "has no constants"),
    ],
)
def test_files_that_are_something_else(tmp_path, content, message):
    path = tmp_path / "weights"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_trusted(path)


def test_unknown_and_wrong_hashes_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "classify_image_graph_def.pb"
    path.write_bytes(b"\x0a\x00")
    found = hashlib.sha256(b"\x0a\x00").hexdigest()
    with pytest.raises(UserError, match=f"not that of a published file .*--extractor-weights-sha256 {found}"):
        Inception2015(path)
    with pytest.raises(UserError, match=f"must have the SHA-256 {'0' * 64}. Received: {found}"):
        Inception2015(path, weights_sha256="0" * 64)
    with pytest.raises(UserError, match="does not exist"):
        Inception2015(tmp_path / "nothing.pb")
    with pytest.raises(UserError, match="does not exist"):  # A directory without a SavedModel.
        Inception2015(tmp_path)
    with pytest.raises(UserError, match="resize .*'pytorch'.*clean"):
        Inception2015(path, resize="pytorch")
    with pytest.raises(UserError, match=r"Inception2015\(FILE\); on the command line --extractor inception"):
        evaluate(Flipped(), tf.data.Dataset.from_tensors(photographs()), extractor="inception")
    monkeypatch.setattr(inception_2015_weights, "PUBLISHED_SHA256", {found: "this"})
    with pytest.raises(UserError, match="has no constants"):  # Published: read without being asked to.
        Inception2015(path)


def test_download_on_request(tmp_path, monkeypatch):
    source = tmp_path / "port.pth"
    source.write_bytes(b"the port's weights")
    monkeypatch.setattr(inception_2015_weights, "PORT_URL", source.as_uri())
    with pytest.raises(UserError, match="returned 18 bytes with SHA-256 .* Nothing was stored"):
        download_inception_2015(tmp_path / "kept")
    assert not (tmp_path / "kept").exists()
    monkeypatch.setattr(inception_2015_weights, "PUBLISHED_SHA256", {file_sha256(source): "port"})
    path = download_inception_2015(tmp_path / "kept")
    assert path.read_bytes() == source.read_bytes()
    source.unlink()
    assert download_inception_2015(tmp_path / "kept") == path  # It is there.
    with pytest.raises(UserError, match="Could not download .* pass its path instead"):
        download_inception_2015(tmp_path / "elsewhere")
    path.write_bytes(b"damaged")
    with pytest.raises(UserError, match="not that of a published file"):
        download_inception_2015(tmp_path / "kept")
