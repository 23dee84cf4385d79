"""PromptedText: `generate(prompt=...)` of models that continue text."""

import tensorflow as tf

from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.number_kinds import is_count
from tfgan_suite.generative.abilities import WritesText, require
from tfgan_suite.generative.sampling_options import resolve_sampling
from tfgan_suite.generative.seeded_sampling import example_seeds


class PromptedText(WritesText):
    """What a model has that `WritesText`. It stands before `GenerativeModel` among the bases."""

    def generate(self, count=None, labels=None, *, prompt=None, num_bytes=None, seed=0, batch_size=64, **sampling):
        """Generates examples as any model does, or text that begins with a prompt.

        Args:
            count: Integer >= 1. How many. With a prompt, how many texts begin with it; `None` for one.
            labels: As in any model.
            prompt: String or bytes, or a list of them, one a text; `None` for examples without a prompt. `""` begins anywhere.
            num_bytes: Integer >= 1. Bytes that follow the prompt, any number; by default as many as an example has.
            seed: Integer. Text i depends on the seed, i and its prompt.
            batch_size: Integer >= 1. Texts written at a time. It bounds memory and changes nothing else.
            **sampling: The model's sampling options, such as `temperature`, `top_k` and `top_p`.

        Returns:
            Without a prompt, a NumPy array `[count, *spec.shape]` of the spec's `edge_dtype`. Else the text, its prompt included:
            one if `prompt` is a single one and `count` is `None`, or a list. A string prompt makes a string, in which bytes that
            are no UTF-8 are shown as U+FFFD; bytes make bytes, exactly those that were drawn.

        Raises:
            UserError: An argument out of range, or a prompt for a model that makes no text.

        Example:

        >>> model = TokenTransformer(TextSpec((8,)), width=8, num_blocks=1, num_heads=2)
        >>> text = model.generate(prompt=b"Call", num_bytes=20, temperature=0.9, seed=1)
        >>> text[:4], len(text)
        (b'Call', 24)
        """
        if prompt is None:
            if num_bytes is not None:
                raise UserError(f"`num_bytes` needs a `prompt`, such as ''. Received: num_bytes={num_bytes!r}")
            return super().generate(count, labels, seed=seed, batch_size=batch_size, **sampling)
        require(self, WritesText, "A prompt")
        num_bytes = self.spec.shape[0] if num_bytes is None else num_bytes
        for name, value in {
            "count": 1 if count is None else count,
            "num_bytes": num_bytes,
            "batch_size": batch_size,
        }.items():
            if not is_count(value):
                raise UserError(f"`{name}` must be an integer >= 1. Received: {name}={value!r}")
        is_single = isinstance(prompt, str | bytes)
        prompts = [prompt] * (count or 1) if is_single else list(prompt)
        if not prompts or not all(
            isinstance(one, type(prompts[0])) and isinstance(one, str | bytes) for one in prompts
        ):
            raise UserError(f"`prompt` must be a string or bytes, or a list of either. Received: prompt={prompt!r}")
        if not is_single and count not in (None, len(prompts)):
            raise UserError(
                f"`count` must be left out, or be the number of prompts, {len(prompts)}. Received: count={count}"
            )
        as_bytes = [_encode(one) if isinstance(one, str) else one for one in prompts]
        options = {name: tf.constant(value, tf.float32) for name, value in resolve_sampling(self, sampling).items()}
        labels = self._checked_labels(labels, len(prompts))
        if labels is None:
            labels = self.sample_labels(len(prompts), example_seeds(1, seed, "labels")[0])
        seeds, texts = example_seeds(len(prompts), seed, "tokens"), []
        for first in range(0, len(prompts), batch_size):
            rows = slice(first, first + batch_size)
            own_labels = None if labels is None else labels[rows]
            texts += self._continue_function(
                tf.constant(as_bytes[rows]), seeds[rows], tf.constant(num_bytes, tf.int32), own_labels, options
            ).numpy().tolist()  # fmt: skip
        texts = [before + after for before, after in zip(as_bytes, texts)]
        if isinstance(prompts[0], str):
            texts = [text.decode("utf-8", "replace") for text in texts]
        return texts[0] if is_single and count is None else texts

    @property
    def _continue_function(self):
        if "_function_of_continuation" not in self.__dict__:
            function = tf.function(
                lambda prompts, seeds, num_bytes, labels, options: self.continue_text(
                    prompts, seeds, num_bytes, labels, **options
                ),
                autograph=False,
                reduce_retracing=True,
            )
            # Beside Keras's attribute tracking: a function is no state.
            object.__setattr__(self, "_function_of_continuation", function)
        return self.__dict__["_function_of_continuation"]


def _encode(prompt):
    try:
        return prompt.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(f"`prompt` must be text. Received half a surrogate pair: {prompt!a}") from error
