import argparse

import pytest

from tfgan_suite.commands import arguments
from tfgan_suite.foundation.errors import UserError


def sampling_of(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    arguments.add_sampling(parser)
    return arguments.sampling_of(parser.parse_args(words))


def test_sampling_options_are_those_given():
    assert sampling_of() == {}
    assert sampling_of("--truncation", "0.7") == {"truncation": 0.7}
    words = ["--truncation", "1", "--sampling", "temperature=0.8", "--sampling", "top_k=4"]
    assert sampling_of(*words) == {"truncation": 1.0, "temperature": 0.8, "top_k": 4}
    assert sampling_of("--sampling", "truncation=0.5") == {"truncation": 0.5}


@pytest.mark.parametrize(
    "words, message",
    [
        (["--truncation", "0.7", "--sampling", "truncation=0.5"], "each option once. Received: truncation=0.7, trunc"),
        (["--sampling", "top_k=4", "--sampling", "top_k=4"], "each option once"),
        (["--sampling", "seed=4"], "options of the model. Received: seed=4"),
    ],
)
def test_sampling_options_that_cannot_be(words, message):
    with pytest.raises(UserError, match=message):
        sampling_of(*words)


def test_a_sampling_option_has_a_name_and_a_value(capsys):
    with pytest.raises(SystemExit):
        sampling_of("--sampling", "temperature")
    assert "must be name=value" in capsys.readouterr().err
