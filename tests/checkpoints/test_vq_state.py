"""Codebooks of the reference implementation."""

import numpy as np
import pytest

from tests.golden_vectors import assert_near, load_golden
from tfgan_suite.checkpoints import vq_from_state
from tfgan_suite.checkpoints.vq_state import vq_state
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.layers.quantizers import EMAVectorQuantizer, VectorQuantizer


def test_a_codebook_gives_the_reference_tokens():
    golden = load_golden("vq_16x6")
    quantizer = vq_from_state({"in/codebook": golden["in/codebook"]})
    assert type(quantizer) is VectorQuantizer
    np.testing.assert_array_equal(quantizer.encode(golden["in/x"]), golden["out/indices"])
    np.testing.assert_array_equal(vq_state(quantizer)["codebook"], golden["in/codebook"])


def test_training_with_averages_goes_on_where_it_was():
    """Sonnet's averages are without bias only at the end: from a step that is far from the first, the next one is equal."""
    quantizer = EMAVectorQuantizer(6, 16, decay=0.9, restart=False)
    golden = load_golden("vq_16x6")
    for _ in range(200):  # 0.9^200 is nothing.
        quantizer(golden["in/ema_x_1"], training=True)
        quantizer.update()
    again = vq_from_state(vq_state(quantizer), decay=0.9, restart=False)
    assert type(again) is EMAVectorQuantizer
    for one in (quantizer, again):
        one(golden["in/ema_x_2"], training=True)
        one.update()
    assert_near(again.codebook, quantizer.codebook, 1e-5)


def test_what_does_not_fit_is_refused():
    codebook = np.zeros([6, 16])
    with pytest.raises(UserError, match="Unknown name of a quantizer's state 'codebok'.*codebook"):
        vq_from_state({"codebok": codebook})
    with pytest.raises(UserError, match="both or neither"):
        vq_from_state({"codebook": codebook, "ema_dw_average": codebook})
    with pytest.raises(UserError, match="`size` is told by the weights: 6"):
        vq_from_state({"codebook": codebook}, size=7)
