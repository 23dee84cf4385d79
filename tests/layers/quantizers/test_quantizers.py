"""Quantizers: the reference implementations' numbers, dead codes, and that no number of replicas or slices matters."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.golden_vectors import assert_near, load_golden
from tfgan_suite.foundation.microbatches import in_microbatch
from tfgan_suite.layers.quantizers import EMAVectorQuantizer, FiniteScalarQuantizer, VectorQuantizer

FSQ = {"fsq_8_6_5": False, "likelihood/fsq_8_5_5_5": False, "fsq_4_4_3_symmetric": True}


@pytest.mark.parametrize("name", FSQ)
def test_fsq_equals_the_reference(name):
    golden = load_golden(name)
    quantizer = FiniteScalarQuantizer(golden["in/levels"].tolist(), symmetric=FSQ[name])
    vectors = tf.constant(golden["in/z"])
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        codes, tokens, losses = quantizer(vectors)
        target = tf.reduce_sum(codes * golden["in/output_cotangent"])
    np.testing.assert_array_equal(tokens, golden["out/indices"])
    np.testing.assert_allclose(codes, golden["out/codes"], atol=1e-6)
    assert_near(tape.gradient(target, vectors), golden["out/grad_z"])
    np.testing.assert_allclose(quantizer.table(), golden["out/codebook"], atol=1e-6)
    np.testing.assert_allclose(quantizer.decode(tokens), codes, atol=1e-6)
    assert quantizer.num_codes == golden["out/codebook_size"] and not losses.numpy().any()


def test_vq_equals_the_reference():
    golden = load_golden("vq_16x6")
    quantizer = VectorQuantizer(size=6, num_codes=16)
    quantizer.build([None, 6])
    quantizer.codebook.assign(golden["in/codebook"].T)
    vectors = tf.constant(golden["in/x"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(vectors)
        codes, tokens, losses = quantizer(vectors, training=True)
        loss = tf.reduce_mean(losses)
        target = loss + tf.reduce_sum(codes * golden["in/output_cotangent"])
    np.testing.assert_array_equal(tokens, golden["out/indices"])
    assert_near(codes, golden["out/quantized"])
    assert float(loss) == pytest.approx(float(golden["out/loss"]), rel=2e-5)
    assert_near(tape.gradient(target, vectors), golden["out/grad_x_of_loss_plus_cotangent"])
    by_codebook = tf.convert_to_tensor(tape.gradient(loss, quantizer.codebook.value))
    assert_near(tf.transpose(by_codebook), golden["out/grad_codebook_of_loss"])
    quantizer.restart = False
    quantizer.update()
    assert float(quantizer.perplexity()) == pytest.approx(float(golden["out/perplexity"]), rel=1e-5)


def test_vq_ema_equals_the_reference():
    golden = load_golden("vq_16x6")
    quantizer = EMAVectorQuantizer(size=6, num_codes=16, decay=0.9, restart=False)
    quantizer.build([None, 6])
    quantizer.codebook.assign(golden["in/codebook"].T)
    for step in (1, 2, 3):
        quantized = quantizer(golden[f"in/ema_x_{step}"], training=True)
        np.testing.assert_array_equal(quantized.tokens, golden[f"out/ema_indices_{step}"])
        assert float(tf.reduce_mean(quantized.losses)) == pytest.approx(float(golden[f"out/ema_loss_{step}"]), rel=2e-5)
        quantizer.update()
        assert_near(quantizer.unbiased(quantizer.average_counts), golden[f"out/ema_cluster_size_average_{step}"])
        assert_near(tf.transpose(quantizer.unbiased(quantizer.average_sums)), golden[f"out/ema_dw_average_{step}"])
        assert_near(tf.transpose(quantizer.codebook), golden[f"out/ema_codebook_{step}"])


@pytest.mark.parametrize("kind", [VectorQuantizer, EMAVectorQuantizer])
def test_dead_codes_begin_anew_at_vectors_of_the_step_until_all_are_in_use(kind):
    quantizer = kind(size=2, num_codes=32, seed=3)
    vectors = np.random.default_rng(0).normal(8.0, 1.0, [4, 64, 2]).astype("float32")
    assert len(set(quantizer.encode(vectors).numpy().ravel())) < 6  # The first codes lie around 0.
    quantizer(vectors, training=True)
    quantizer.update()
    old = quantizer.codebook.numpy()
    begun = [code for code in old if (np.abs(vectors - code).max(axis=-1) < 1e-6).any()]
    assert len(begun) >= 26 and len(np.unique(begun, axis=0)) == len(begun)
    for _ in range(30):
        quantizer(vectors, training=True)
        quantizer.update()
    assert float(quantizer.share_in_use()) > 0.9
    assert len(set(quantizer.encode(vectors).numpy().ravel())) >= 29


def test_a_code_in_use_stays_and_nothing_happens_outside_of_training():
    quantizer = EMAVectorQuantizer(size=1, num_codes=2, decay=0.5)
    vectors = np.array([[[-1.0], [1.0]]] * 3, "float32")
    for _ in range(4):
        quantizer(vectors, training=True)
        quantizer.update()
    before = [np.asarray(variable) for variable in quantizer.variables]
    np.testing.assert_allclose(np.sort(quantizer.codebook, axis=0), [[-1.0], [1.0]], atol=1e-4)
    quantizer(np.full([1, 8, 1], 50.0, "float32"))
    for old, new in zip(before, quantizer.variables):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("kind", [VectorQuantizer, EMAVectorQuantizer])
def test_slices_and_replicas_equal_the_batch(kind, two_replicas):
    vectors = np.random.default_rng(1).normal(2.0, 1.0, [3, 4, 8, 3]).astype("float32")

    def whole(quantizer, batch):
        quantizer(batch, training=True)
        quantizer.update()

    def sliced(quantizer, batch):
        for index in range(2):
            with in_microbatch(index, 2):
                quantizer(batch[2 * index : 2 * index + 2], training=True)
        quantizer.update()

    def on_replicas(quantizer, batch):
        def step(part):
            quantizer(part, training=True)
            quantizer.update()

        parts = [batch[:2], batch[2:]]
        values = two_replicas.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )
        tf.function(two_replicas.run)(step, args=(values,))

    states = []
    for work in (whole, sliced, on_replicas):
        with two_replicas.scope() if work is on_replicas else tf.name_scope("one"):
            quantizer = kind(size=3, num_codes=20, seed=5)
            quantizer.build([None, 3])
        for batch in vectors:
            work(quantizer, batch)
        states.append([np.asarray(variable) for variable in quantizer.variables])
    for state in states[1:]:
        for a, b in zip(states[0], state, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_configs_make_equal_layers_and_wrong_arguments_are_refused():
    for layer in (
        FiniteScalarQuantizer((4, 3), symmetric=True, decay=0.5),
        VectorQuantizer(3, 7, commitment=1.0, restart=False, seed=2),
        EMAVectorQuantizer(3, 7, epsilon=0.1),
    ):
        again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
        assert again.get_config() == layer.get_config()
    with pytest.raises(ValueError, match="`levels` must be integers >= 2"):
        FiniteScalarQuantizer((8, 1))
    with pytest.raises(ValueError, match="Vectors must be of length 4. Received: 3"):
        VectorQuantizer(4)(np.zeros([1, 3], "float32"))


def test_tokens_are_exact_in_reduced_precision():
    """Codes of 8 levels are told apart in float32: bfloat16 would merge tokens from 256 on."""
    quantizer = FiniteScalarQuantizer((8, 8, 8, 8), dtype="mixed_bfloat16")
    vectors = tf.cast(np.random.default_rng(0).normal(size=[4, 50, 4]), tf.bfloat16)
    codes, tokens, _ = quantizer(vectors)
    assert codes.dtype == tf.bfloat16
    expected = FiniteScalarQuantizer((8, 8, 8, 8))(tf.cast(vectors, tf.float32))
    np.testing.assert_array_equal(tokens, expected.tokens)
