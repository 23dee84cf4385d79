"""ClipConvolution against Keras's 3-D convolution."""

import keras
import numpy as np
import pytest

from tfgan_suite.layers.clip_convolution import ClipConvolution


@pytest.mark.parametrize("num_frames", [1, 5, 8])
def test_equals_conv3d(num_frames):
    clips = np.random.default_rng(0).normal(size=[2, num_frames, 6, 7, 3]).astype("float32")
    layer = ClipConvolution(5, 4, kernel_initializer=keras.initializers.GlorotUniform(1))
    ours = layer(clips)
    theirs = keras.layers.Conv3D(5, 4, strides=2, padding="same")
    theirs.build(clips.shape)
    kernel, bias = layer.get_weights()  # [4, 4, 4 frames * 3, 5]
    theirs.set_weights([np.moveaxis(kernel.reshape([4, 4, 4, 3, 5]), 2, 0), bias])
    np.testing.assert_allclose(ours, theirs(clips), atol=1e-5)
    copy = ClipConvolution.from_config(layer.get_config())
    np.testing.assert_array_equal(copy(clips), ours)


def test_odd_kernels_are_refused():
    with pytest.raises(ValueError, match="even integer"):
        ClipConvolution(2, 3)
