"""Time of sampling from TokenTransformer: with caches, compared to a pass of the whole network for each token.

Prints process seconds after both have been traced, and the share of tokens that agree.

    python benchmarks/tokens.py --batch-size 16 --threads 1
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))  # For the loop that tests compare with.


def process_seconds(work):
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="token_transformer_bytes_256")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(arguments.threads)
    import tfgan_suite as tg
    from tests.models.token_transformer.naive_sampling import sample_naively

    model = tg.TokenTransformer.from_preset(arguments.preset)
    seeds = model.example_seeds(arguments.batch_size, 0)
    cached = tf.function(lambda seeds: model.draw(seeds), autograph=False)
    naive = tf.function(lambda seeds: sample_naively(model, seeds), autograph=False)
    traced = process_seconds(lambda: cached(seeds))
    agree = tf.reduce_mean(tf.cast(tf.equal(cached(seeds), naive(seeds)), tf.float32))
    cached_seconds = min(process_seconds(lambda: cached(seeds)) for _ in range(arguments.rounds))
    naive_seconds = process_seconds(lambda: naive(seeds))
    print(
        f"{arguments.preset}, batch {arguments.batch_size}, {model.num_tokens_of_example} tokens, agreeing: {agree:.1%}"
    )
    print(
        f"with caches {cached_seconds:.2f} s (traced in {traced:.1f} s), a pass a token {naive_seconds:.2f} s", end=", "
    )
    print(f"{naive_seconds / cached_seconds:.0f} times as fast")


if __name__ == "__main__":
    main()
