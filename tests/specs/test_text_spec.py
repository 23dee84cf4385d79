"""Text as a kind of example: bytes that are tokens, and text where it is asked for."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.specs.example_spec import spec_from_config, spec_to_config


def test_bytes_of_all_values_survive_models_records_and_files():
    spec = tg.TextSpec((256,))
    every = np.random.default_rng(0).permutation(256).astype(np.uint8)
    assert spec_from_config(spec_to_config(spec)) == spec and spec.describe() == "256 bytes"
    np.testing.assert_array_equal(spec.to_edge(spec.to_model(every[None]))[0], every)
    np.testing.assert_array_equal(spec.decode({"bytes": tf.constant(spec.encode(every)["bytes"])}), every)
    assert spec.to_file(every) == every.tobytes()
    assert spec.to_files(tf.constant([every, every[::-1]])).numpy().tolist() == [every.tobytes(), every[::-1].tobytes()]


def test_what_is_no_utf8_is_shown_as_such():
    spec = tg.TextSpec((6,))
    assert spec.to_text(np.frombuffer(b"\xa9caf\xc3\xa9", np.uint8)) == "\ufffdcaf\u00e9"
    assert not spec.is_drawn and spec.is_written and tg.ImageSpec((8, 8, 1)).is_drawn
    assert spec.suspicion(np.frombuffer(b" \n \t  ", np.uint8)) == "blank"
    with pytest.raises(UserError, match="`shape` of a text must be"):
        tg.TextSpec((6, 2))
    with pytest.raises(UserError, match="TokenSpec has no `to_text`"):
        tg.TokenSpec((6,)).to_text(np.zeros([6], np.int32))


def test_is_no_token_spec_to_data_and_one_to_models():
    spec = tg.TextSpec((8,))
    assert not spec.matches(tg.TokenSpec((8,), 256))
    model = tg.TokenTransformer(spec, width=8, num_blocks=1, num_heads=2)
    made = model.generate(2, seed=3)
    assert made.dtype == np.uint8 and made.shape == (2, 8)
    assert model.spec == spec and tg.TokenTransformer.from_config(model.get_config()).spec == spec
    np.testing.assert_allclose(model.log_prob(made), model.log_prob(made.astype("float32")))
