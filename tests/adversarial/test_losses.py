import keras
import numpy as np
import pytest

from tfgan_suite import losses

REAL = np.array([-2.0, 0.0, 0.5, 3.0], "float32")
FAKE = np.array([1.0, -0.3, 0.0, -4.0], "float32")


def sigmoid(values):
    return 1.0 / (1.0 + np.exp(-values.astype("float64")))


# Each loss as the cross entropies, distances and differences of its paper, not as the code writes it.
EXPECTED = {
    losses.NonSaturating: (-np.log(sigmoid(REAL)) - np.log(1 - sigmoid(FAKE)), -np.log(sigmoid(FAKE))),
    losses.Hinge: (np.maximum(0, 1 - REAL) + np.maximum(0, 1 + FAKE), -FAKE),
    losses.Wasserstein: (FAKE - REAL, -FAKE),
    losses.LeastSquares: (((REAL - 1) ** 2 + FAKE**2) / 2, (FAKE - 1) ** 2 / 2),
    losses.Relativistic: (-np.log(sigmoid(REAL - FAKE)), -np.log(sigmoid(FAKE - REAL))),
}


@pytest.mark.parametrize("loss_class", EXPECTED, ids=lambda loss_class: loss_class.__name__)
def test_closed_form(loss_class):
    loss = loss_class()
    discriminator, generator = EXPECTED[loss_class]
    np.testing.assert_allclose(np.asarray(loss.discriminator_loss(REAL, FAKE)), discriminator, rtol=1e-5)
    np.testing.assert_allclose(np.asarray(loss.generator_loss(FAKE, REAL)), generator, rtol=1e-5)


@pytest.mark.parametrize("loss_class", EXPECTED, ids=lambda loss_class: loss_class.__name__)
def test_a_zero_is_where_real_and_fake_are_equally_likely(loss_class):
    """There the two halves of the discriminator's loss pull equally; without one, a constant changes nothing at all."""
    loss = loss_class()
    if loss.zero is None:
        for shift in (-5.0, 5.0):
            shifted = loss.discriminator_loss(REAL + shift, FAKE + shift)
            np.testing.assert_allclose(shifted, loss.discriminator_loss(REAL, FAKE), atol=1e-5)
            np.testing.assert_allclose(loss.realness(REAL + shift, FAKE + shift), REAL - FAKE, atol=1e-5)
    else:
        step = 1e-3
        at = lambda real, fake: float(np.asarray(loss.discriminator_loss(np.float64(real), np.float64(fake))))  # noqa: E731
        pull_up = at(loss.zero + step, 0.0) - at(loss.zero - step, 0.0)
        pull_down = at(0.0, loss.zero + step) - at(0.0, loss.zero - step)
        assert pull_up < 0 and pull_up == pytest.approx(-pull_down, rel=1e-3)
        np.testing.assert_allclose(loss.realness(REAL, FAKE), REAL - loss.zero)


def test_label_smoothing_is_cross_entropy_with_a_soft_target():
    loss = losses.NonSaturating(label_smoothing=0.1)
    expected = -0.9 * np.log(sigmoid(REAL)) - 0.1 * np.log(1 - sigmoid(REAL)) - np.log(1 - sigmoid(FAKE))
    np.testing.assert_allclose(np.asarray(loss.discriminator_loss(REAL, FAKE)), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="label_smoothing"):
        losses.NonSaturating(label_smoothing=1.0)


@pytest.mark.parametrize("loss", [losses.NonSaturating(0.2), losses.Hinge()], ids=["non_saturating", "hinge"])
def test_survives_saving(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss) and again.get_config() == loss.get_config()
