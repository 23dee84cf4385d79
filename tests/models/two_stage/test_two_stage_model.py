"""TwoStageModel: one model that trains, resumes, exports and serves."""

import os
import signal

import keras
import numpy as np
import pytest

import tfgan_suite as tg
from tests.exports.test_export_network import require
from tests.test_case import assert_same_weights, random_batch, run_model_test, run_replica_test
from tfgan_suite.callbacks import Progress, TrainingInterrupted
from tfgan_suite.exports.export_network import export_network
from tfgan_suite.exports.litert_file import LiteRTFile
from tfgan_suite.exports.onnx_file import OnnxFile
from tfgan_suite.exports.saved_model import export_saved_model, load_generator
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.runs.train_config import TrainConfig

TOKENIZER = {"model": "vqvae", "image_shape": (8, 8, 1), "code_levels": (4, 3), "channels": 4, "residual_blocks": 1}
PRIOR = {"model": "token_transformer", "width": 8, "num_blocks": 1, "num_heads": 2}


def make(make_optimizer=lambda: "auto", prior=PRIOR):
    model = tg.TwoStageModel(TOKENIZER, prior, num_classes=3, seed=1)
    model.compile(tokenizer_optimizer=make_optimizer(), prior_optimizer=make_optimizer())
    return model


def test_contract(tmp_path):
    """With both stages at once, and half a training saved in between."""
    run_model_test(make, tmp_path)


@pytest.mark.slow
def test_two_replicas_equal_one(two_replicas):
    run_replica_test(lambda: make(lambda: keras.optimizers.SGD(0.02)), two_replicas)


def test_a_stage_changes_nothing_of_the_other():
    model = make()
    batch = random_batch(model, 8)
    for stage, other in (("tokenizer", model.prior), ("prior", model.tokenizer)):
        model.stage = stage
        own = model.tokenizer if stage == "tokenizer" else model.prior
        before = [[np.asarray(one) for one in part.variables] for part in (own, other)]
        model.fit(*batch, batch_size=4, verbose=0)
        after = [[np.asarray(one) for one in part.variables] for part in (own, other)]
        assert not all(np.array_equal(*pair) for pair in zip(before[0], after[0]))
        assert all(np.array_equal(*pair) for pair in zip(before[1], after[1])), stage
    with pytest.raises(UserError, match="`stage` must be None, 'tokenizer' or 'prior'"):
        model.stage = "second"


def test_it_is_served_as_one(tmp_path):
    model = make(prior={**PRIOR, "model": "masked_token_transformer"})
    exported = load_generator(export_saved_model(model, tmp_path / "both", max_count=4))
    images = exported.generate(3, labels=[0, 1, 2], seed=5, steps=2, top_k=4)
    np.testing.assert_array_equal(images, model.generate(3, labels=[0, 1, 2], seed=5, steps=2, top_k=4))
    tokens = model.prior.generate(2, labels=1)
    again = exported.call_signature("decode_tokens", tokens=tokens)["images"]
    np.testing.assert_array_equal(again, model.spec.to_edge(model.decode_tokens(tokens)))


def test_a_run_trains_one_stage_after_the_other_and_resumes(tiny_data, tmp_path, monkeypatch):
    settings = {
        "data_dir": str(tiny_data),
        "preset": "two_stage",
        "model": {"tokenizer": TOKENIZER, "prior": PRIOR, "tokenizer_share": 0.5},
        "batch_size": 8,
        "total_images": 64,
        "images_per_tick": 16,
        "score_every_ticks": -1,
    }
    result = tg.train(TrainConfig(run_dir=str(tmp_path / "run"), **settings), progress=False)
    rows = [row for row in result.history if "loss/prior" in row]
    assert [row["loss/prior"] > 0 for row in rows] == [False, False, True, True]
    assert [row["loss/squared_error"] > 0 for row in rows] == [True, True, False, False]
    loaded = tg.load_model(tmp_path / "run")
    np.testing.assert_array_equal(loaded.generate(2, seed=1), result.model.generate(2, seed=1))
    assert loaded.bits_per_token(*random_batch(loaded, 4)).shape == (4,)

    # Stopped in the second stage, in the middle of a tick.
    config = TrainConfig(run_dir=str(tmp_path / "stopped"), **settings)

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.steps.numpy()) == 5:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_train_batch_end", on_train_batch_end)
        patch.setattr(Progress, "on_epoch_end", lambda self, epoch, logs=None: None)
        with pytest.raises(TrainingInterrupted):
            tg.train(config, progress=True)
    assert_same_weights(result.model, tg.train(config, progress=False).model)


def test_in_reduced_precision():
    """Codes are told apart, and tokens chosen, in float32."""
    model = tg.TwoStageModel(TOKENIZER, PRIOR, seed=1, dtype="mixed_bfloat16")
    model.compile()
    images = random_batch(model, 8)[0]
    history = model.fit(images, batch_size=4, verbose=0).history
    assert np.isfinite(list(history.values())).all()
    assert model.tokenizer.encoder.compute_dtype == model.prior.network.compute_dtype == "bfloat16"
    tokens = model.encode_tokens(images)
    assert model.prior.logits_of(np.reshape(tokens, [8, 4]), None).dtype == "float32"
    assert model.generate(3).shape == (3, 8, 8, 1)


def test_a_trained_tokenizer_stays_as_it_is():
    tokenizer = tg.VQVAE(**{name: value for name, value in TOKENIZER.items() if name != "model"})
    tokenizer.compile()
    tokenizer.fit(random_batch(tokenizer, 8)[0], batch_size=8, verbose=0)
    model = tg.TwoStageModel(tokenizer, PRIOR)
    assert [phase.stage for phase in model.training_phases(64, 8)] == ["prior"]
    other = tg.TokenTransformer({"shape": [2, 2], "vocabulary_size": 13}, width=8, num_blocks=1, num_heads=2)
    with pytest.raises(ValueError, match="`prior` must be a model of TokenSpec"):
        tg.TwoStageModel(tokenizer, other)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "litert"])
@pytest.mark.parametrize("prior", ["token_transformer", "masked_token_transformer"])
def test_files_generate_images(prior, format, tmp_path):
    """Tokens of given draws, and what the tokenizer makes of them, in one file."""
    require(format)
    model = make(prior={**PRIOR, "model": prior})
    file = (OnnxFile if format == "onnx" else LiteRTFile)(export_network(model, tmp_path / "m", format).read_bytes())
    draws = np.random.default_rng(0).random([3, *model.draws_shape]).astype("float32")
    labels = np.array([0, 2, 1], "int32")
    made = file(draws=draws, temperature=np.float32([1.0, 0.5, 0.0]), labels=labels)
    np.testing.assert_allclose(made, model.generate_from(draws, labels, temperature=[1.0, 0.5, 0.0]), atol=1e-5)
