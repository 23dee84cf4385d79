"""The model that ships: small, quick to load, and its digits are the ones that were asked for."""

from pathlib import Path

import numpy as np
import pytest

import tfgan_suite as tg

DIRECTORY = Path(__file__).parents[1] / "saved_models" / "digits"


def test_it_is_small():
    assert sum(path.stat().st_size for path in DIRECTORY.rglob("*") if path.is_file()) < 2_000_000


def test_its_card_says_what_it_is():
    card = tg.load_generator(DIRECTORY).card
    assert card["data"]["name"] == "digits" and "MNIST" in card["data"]["license"]
    scores = {row["name"]: row["value"] for row in card["scores"]}
    assert scores["frechet_distance_5k"] < 41.2 and scores["dataset_classifier_confident_share_5k"] > 0.61


def test_its_digits_are_those_asked_for():
    """Against the mean image of each real digit, which tells 8 of 10 real digits right."""
    from tfgan_suite.data.sources.array_source import open_digits

    try:
        source = open_digits()
    except tg.UserError as error:
        pytest.skip(str(error))
    real = source.examples[..., 0].astype("float64")
    means = np.stack([real[np.asarray(source.labels) == label].mean(axis=0) for label in range(10)])
    labels = np.arange(200) % 10
    fakes = tg.load_generator(DIRECTORY).generate(200, labels=labels, seed=5)[:, 2:-2, 2:-2, 0].astype("float64")
    distances = ((fakes[:, None] - means.reshape(1, 10, 28, 28)) ** 2).sum(axis=(2, 3))
    assert np.mean(distances.argmin(axis=1) == labels) > 0.7
