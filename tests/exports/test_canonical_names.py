"""Exports of equal weights are equal in bytes, whatever else their processes made."""

import hashlib
import subprocess
import sys

import keras
import pytest

from tests.exports.made_up_models import Cloud, Dice
from tests.exports.test_export_network import MODELS, require
from tests.serving.conftest import lively_gan
from tfgan_suite.exports.canonical_names import CanonicalNames
from tfgan_suite.exports.export_network import FORMATS, export_network, read_card
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.foundation.errors import UserError


def digests(folder):
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def export_twice(make, folder, formats):
    """Exports two models of equal weights; between them others are made, so that all counters get another digit."""
    first = make()
    for number in range(2):
        model = first if number == 0 else make()
        model.set_weights(first.get_weights())
        export_saved_model(model, folder / str(number) / "model" / "1")
        for format in formats:
            export_network(model, folder / str(number) / "network", format, minimum_psnr=10)
        for _ in range(10):
            make()
            keras.Sequential([keras.layers.Dense(2), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization()])
    return digests(folder / "0"), digests(folder / "1")


def test_exports_of_equal_weights_are_equal(tmp_path):
    formats = ("onnx", "litert")
    for format in formats:
        require(format)
    first, second = export_twice(lambda: lively_gan(image_shape=(8, 8, 1), num_classes=3, seed=1), tmp_path, formats)
    assert first == second and len(first) == 12
    assert read_card(tmp_path / "0" / "network.onnx")["created"] is None
    # What differs, differs.
    export_saved_model(lively_gan(image_shape=(8, 8, 1), num_classes=3, seed=2), tmp_path / "2" / "model" / "1")
    different = {name for name, digest in digests(tmp_path / "2").items() if digest != first[name]}
    assert "model/1/variables/variables.data-00000-of-00001" in different and "model/1/saved_model.pb" not in different


@pytest.mark.slow
@pytest.mark.parametrize("family", [*sorted(MODELS), "Cloud", "Dice"])
def test_exports_of_every_kind_are_equal(family, tmp_path):
    formats = FORMATS if family in MODELS else ()
    for format in formats:
        require(format)
    first, second = export_twice({**MODELS, "Cloud": Cloud, "Dice": Dice}[family], tmp_path, formats)
    assert first == second and len(first) >= 4 + 3 * len(formats)


@pytest.mark.slow
def test_exports_of_two_processes_are_equal(tmp_path):
    program = """
import sys
import keras
import tfgan_suite as tg

for _ in range(int(sys.argv[2])):
    keras.layers.Dense(2), tg.DCGAN(image_shape=(8, 8, 1), latent_size=4, base_channels=2)
model = tg.load_model(sys.argv[3])
tg.export_saved_model(model, sys.argv[1] + "/model/1")
tg.export_network(model, sys.argv[1] + "/network", "onnx")
"""
    require("onnx")
    lively_gan(image_shape=(8, 8, 1), num_classes=3, seed=1).save(tmp_path / "model.keras")
    for number in range(2):
        arguments = [str(tmp_path / str(number)), str(11 * number), str(tmp_path / "model.keras")]
        subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True, timeout=300)
    assert digests(tmp_path / "0") == digests(tmp_path / "1")


def test_names_are_numbered_in_the_order_in_which_they_come():
    names = CanonicalNames({"dense": "dense"})
    assert names("dense") == "dense"
    assert [names(name) for name in ("dense_9", "dense_10/kernel", "dense_9/kernel_3")] == [
        "dense_1",
        "dense_2/kernel",
        "dense_1/kernel",
    ]
    # Different names stay different, whatever they look like.
    many = [
        "a_1",
        "a",
        "a_1_1",
        "a/b",
        "a_1/b",
        "a__3",
        "_7",
        "7",
        "/",
        "a//b",
        "labels_must_be_from_0_to_22",
        "a:0",
        "a_2:0",
    ]
    received = [names(name) for name in many]
    assert len(set(received)) == len(many) and received == [names(name) for name in many]
    assert "labels_must_be_from_0_to_22" in received  # Engines show it as the reason of a failure.
    assert names.reference("^dense_10/kernel") == "^dense_2/kernel"
    assert names.reference("dense_10/kernel:output:0") == "dense_2/kernel:output:0"


def test_the_date_is_that_of_the_source(tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    path = export_saved_model(Dice(), tmp_path / "dice")
    assert load_generator(path).card["created"] == "1970-01-02T00:00:00+00:00"
    assert "Exported 1970-01-02T00:00:00+00:00 with" in (path / "assets.extra" / "model_card.md").read_text()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UserError, match="SOURCE_DATE_EPOCH must be seconds since 1970. Received: 'yesterday'"):
        export_saved_model(Dice(), tmp_path / "dice")
