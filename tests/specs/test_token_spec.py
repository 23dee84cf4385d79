"""Tokens as a kind of example: stored, loaded, described."""

import numpy as np
import pytest

import tfgan_suite as tg
from tfgan_suite.data.dataset_info import DatasetInfo
from tfgan_suite.data.loader import load_dataset, read_split
from tfgan_suite.data.sources.array_source import ArraySource
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.preprocessing.prepare_dataset import prepare_dataset
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config
from tfgan_suite.specs.token_spec import TokenSpec


def test_tokens_are_prepared_and_loaded(tmp_path):
    spec = TokenSpec((4, 2), vocabulary_size=70_000)
    tokens = np.random.default_rng(0).integers(0, 70_000, [30, 4, 2]).astype(np.int32)
    prepare_dataset(ArraySource(tokens, name="tokens", spec=spec), tmp_path / "set", num_shards=2, progress=False)
    info = DatasetInfo.load(tmp_path / "set")
    assert info.spec == spec and info.spec.describe() == "4 x 2 tokens of 70,000"
    ((stored, _, _),) = read_split(tmp_path / "set")
    np.testing.assert_array_equal(
        stored[np.lexsort(stored.reshape(30, -1).T)], tokens[np.lexsort(tokens.reshape(30, -1).T)]
    )
    _, dataset = load_dataset(tmp_path / "set", batch_size=10, shuffle=False, repeat=False)
    loaded = np.concatenate([batch.numpy() for batch, *_ in dataset])
    np.testing.assert_array_equal(spec.to_edge(loaded), stored)  # float32 holds them exactly.


def test_configs_and_what_is_refused():
    spec = tg.TokenSpec((8,), vocabulary_size=10)
    assert spec_from_config(spec_to_config(spec)) == spec
    assert not spec.matches(tg.TokenSpec((8,), vocabulary_size=11))
    with pytest.raises(UserError, match="`vocabulary_size` must be an integer in"):
        tg.TokenSpec((8,), vocabulary_size=1)
    with pytest.raises(UserError, match="Tokens must be from 0 to 9. Received: from 0 to 10"):
        spec.encode(np.array([0, 10], np.int32))
