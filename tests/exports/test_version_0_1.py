"""Exports of version 0.1: read, generated from, served, pushed and exported again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tfgan_suite.exports.exported_model import ExportedModel
from tfgan_suite.exports.model_card import CARD_JSON, read_model_card, upgraded_card
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import Discriminates, HasLatents
from tfgan_suite.generative.sampling_options import TRUNCATION
from tfgan_suite.release.pushed_versions import push_version
from tfgan_suite.serving.request_joining import RowJoining, SeedJoining
from tfgan_suite.serving.servable import Servable
from tfgan_suite.specs.image_spec import ImageSpec

DIGITS = Path(__file__).parents[2] / "saved_models" / "digits" / "1"


@pytest.fixture(scope="module")
def loaded():
    return load_generator(DIGITS)


def test_the_card_in_the_form_of_today():
    old = json.loads((DIGITS / CARD_JSON).read_text())
    assert old["format_version"] == 1 and "licence" in old
    card = read_model_card(DIGITS)
    assert card["format_version"] == 2 and "licence" not in card and card["license"] == old["licence"]
    model = card["model"]
    assert model["example"] == {"kind": "image", "shape": [32, 32, 1], "encoding": "png", "jpeg_quality": 95}
    assert model["condition"]["size"] == 10 and model["abilities"] == {"HasLatents": {"latent_shape": [100]}}
    assert [option["name"] for option in model["sampling_options"]] == ["truncation"]
    assert card["training"] == {"examples_seen": 254592, "steps": 3978, "seed": 0}
    assert card["data"]["license"] == old["data"]["licence"] and card["data"]["num_examples"] == {"train": 5000}
    assert card["scores"] == old["scores"] and card["serving"] == old["serving"]
    assert upgraded_card(card) == card
    with pytest.raises(UserError, match="must be at most 2. Received: format_version=3. Upgrade"):
        upgraded_card({**card, "format_version": 3})


def test_a_texture_models_card():
    old = json.loads((DIGITS / CARD_JSON).read_text())
    old["model"] |= {"cell_size": 2, "latent_channels": 4, "num_classes": None}
    model = upgraded_card({**old, "data": None})["model"]
    assert model["abilities"]["MakesTextures"] == {"cell_size": 2, "latent_channels": 4}
    assert model["condition"]["kind"] == "none"


def test_it_generates(loaded):
    assert isinstance(loaded, ExportedModel) and loaded.spec == ImageSpec((32, 32, 1)) and loaded.num_classes == 10
    assert loaded.can(HasLatents) and not loaded.can(Discriminates) and loaded.examples_seen == 254592
    assert loaded.latent_size == 100 and loaded.sampling_options == (TRUNCATION,)
    digits = loaded.generate(3, labels=[1, 2, 3], truncation=0.7, seed=5)
    assert digits.std() > 30
    np.testing.assert_array_equal(loaded.generate_by_signature(3, labels=[1, 2, 3], truncation=0.7, seed=5), digits)
    with pytest.raises(UserError, match=r"`truncation` must be in \[0, 1\]"):
        loaded.generate(1, truncation=1.5)


def test_it_is_served(loaded):
    servable = Servable("digits", 1, DIGITS)
    kinds = {name: type(joining) for name, joining in servable.joinings.items()}
    assert kinds == dict.fromkeys(["generate", "generate_png"], SeedJoining) | dict.fromkeys(
        ["serving_default", "discriminate"], RowJoining
    )
    assert servable.max_count == 64 and servable.sampling_defaults == {"truncation": 1.0}
    pytest.importorskip("tensorflow_serving", reason="Needs the extra [serving].")
    assert servable.warm_up() == 8


def test_it_is_exported_again_and_pushed(loaded, tmp_path):
    again = load_generator(export_saved_model(loaded, tmp_path / "digits", description="Digits.", license="CC0-1.0"))
    np.testing.assert_array_equal(again.generate(4, seed=2), loaded.generate(4, seed=2))
    shutil.copytree(DIGITS, tmp_path / "candidate")
    pushed = push_version(tmp_path / "candidate", tmp_path / "pushed", {"scores": []}, {"license": "MIT"})
    card = json.loads((pushed / CARD_JSON).read_text())
    assert (card["format_version"], card["version"], card["license"]) == (2, 1, "MIT") and "licence" not in card
    assert "License of the weights: MIT" in (pushed / "assets.extra" / "model_card.md").read_text()
    np.testing.assert_array_equal(load_generator(pushed).generate(2, seed=2), loaded.generate(2, seed=2))
