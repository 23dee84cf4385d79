"""How one token is chosen of its logits: greedy, by temperature, among the top k, among the top p."""

import tensorflow as tf

from tfgan_suite.generative.sampling_options import SamplingOption

TEMPERATURE = SamplingOption(
    "temperature",
    1.0,
    0.0,
    10.0,
    "Divides the logits: 1 samples what the model has learned, 0 takes the likeliest token.",
)
TOP_K = SamplingOption("top_k", 0, 0, 2**24, "Only the k likeliest tokens are sampled, 0 for all.")
TOP_P = SamplingOption(
    "top_p", 1.0, 0.0, 1.0, "Only the fewest likeliest tokens are sampled whose probabilities reach p together."
)


def choose_tokens(logits, draws, temperature=1.0, top_k=0.0, top_p=1.0):
    """Chooses a token for each row of logits.

    The logits are divided by the temperature first; of the `top_k` likeliest tokens of these probabilities, which then sum to 1,
    the fewest whose probabilities reach `top_p` are left, the last one of them included, and one always. Among equal logits the
    lower token comes first. A temperature of 0 is the likeliest token. All is computed in float32.

    Args:
        logits: Float `[batch, ..., vocabulary_size]`.
        draws: float32 `[batch, ...]`, uniform in [0, 1).
        temperature: Float >= 0, a scalar or one for each row, `[batch]`.
        top_k: The same, a whole number >= 0.
        top_p: The same, in [0, 1].

    Returns:
        int32 `[batch, ...]`.

    Example: three tokens of 0.5, 0.3 and 0.2; 0.6 of what is left is drawn.

    >>> logits = tf.math.log([[0.2, 0.5, 0.3]])
    >>> [int(choose_tokens(logits, tf.constant([0.6]), **how)[0]) for how in ({}, {"top_k": 2.0}, {"top_p": 0.5})]
    [1, 1, 1]

    Reference: Fan et al., "Hierarchical Neural Story Generation" (2018), section 5.4; Holtzman et al., "The Curious Case of
    Neural Text Degeneration" (2020), section 3.1.
    """
    logits = tf.cast(logits, tf.float32)
    among_all = isinstance(top_k, int | float) and top_k == 0 and isinstance(top_p, int | float) and top_p == 1
    of_rows = [-1, *[1] * (logits.shape.rank - 1)]
    temperature, top_k, top_p = (tf.reshape(tf.cast(one, tf.float32), of_rows) for one in (temperature, top_k, top_p))
    likeliest = tf.argmax(logits, axis=-1, output_type=tf.int32)
    scaled = (logits - tf.reduce_max(logits, axis=-1, keepdims=True)) / tf.maximum(temperature, 1e-6)
    among_top = (top_k > 0.0) | (top_p < 1.0)

    def draw_each():
        # Rows of all tokens are drawn as they would be without the others.
        chosen = _draw_among_top(scaled, draws, top_k, top_p)
        return tf.where(among_top[..., 0], chosen, _draw(tf.nn.softmax(scaled), draws))

    if among_all:  # Known beforehand: no condition, which not all engines have.
        drawn = _draw(tf.nn.softmax(scaled), draws)
    else:
        drawn = tf.cond(tf.reduce_any(among_top), draw_each, lambda: _draw(tf.nn.softmax(scaled), draws))
    return tf.where(temperature[..., 0] > 0.0, drawn, likeliest)


def _draw_among_top(logits, draws, top_k, top_p):
    order = tf.argsort(logits, axis=-1, direction="DESCENDING", stable=True)
    ranks = tf.range(logits.shape[-1], dtype=tf.float32)
    logits = tf.gather(logits, order, batch_dims=logits.shape.rank - 1)
    among_k = (ranks < top_k) | tf.equal(top_k, 0.0)
    probabilities = tf.nn.softmax(tf.where(among_k, logits, -float("inf")))
    before = tf.cumsum(probabilities, axis=-1, exclusive=True)
    kept = (before < top_p) | tf.equal(ranks, 0.0) | tf.equal(top_p, 1.0)
    places = _draw(tf.where(kept, probabilities, 0.0), draws)
    return tf.gather(order, places[..., None], batch_dims=logits.shape.rank - 1)[..., 0]


def _draw(weights, draws):
    """Indices, each with probability proportional to its weight."""
    bounds = tf.cumsum(weights, axis=-1)
    # Rounding passes none where all of the weight has been seen, so that what is drawn has a weight.
    passed = (bounds <= draws[..., None] * bounds[..., -1:]) & (bounds < bounds[..., -1:])
    return tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1)
