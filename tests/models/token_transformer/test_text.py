"""TokenTransformer over text: prompts, continuation over several windows, exports, and bits per byte with context."""

import numpy as np
import pytest
import tensorflow as tf

import tfgan_suite as tg
from tests.test_case import run_model_test
from tfgan_suite.exports.signatures.all_signatures import signatures_of
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.generative.abilities import WritesText

LENGTH = 8


def make_model(num_classes=None, **arguments):
    model = tg.TokenTransformer(
        tg.TextSpec((LENGTH,)), width=16, num_blocks=2, num_heads=2, num_classes=num_classes, seed=1, **arguments
    )
    rng = np.random.default_rng(0)
    for variable in model.ema_network.variables:  # Sharper than at its beginning, so that prompts matter.
        variable.assign(variable + 0.4 * rng.standard_normal(variable.shape).astype("float32"))
    model.compile()
    return model


def continue_greedily(model, prompt, num_bytes):
    """The same by whole passes: a window begins with the last half of what is there, and grows to its length."""
    text = prompt
    window = text[max(0, len(text) - LENGTH // 2) :]
    while len(text) < len(prompt) + num_bytes:
        if len(window) == LENGTH:
            window = window[LENGTH - LENGTH // 2 :]
        padded = np.frombuffer(window.ljust(LENGTH, b"\0"), np.uint8)[None].astype("float32")
        logits = model.logits_of(model.flat_tokens(padded), None)[0, len(window)].numpy()
        text += bytes([int(np.argmax(logits))])
        window += text[-1:]
    return text[: len(prompt) + num_bytes]


@pytest.mark.slow
def test_contract(tmp_path):
    run_model_test(lambda: make_model(), tmp_path)


def test_continuation_equals_whole_passes_for_prompts_of_any_length():
    model = make_model()
    prompts = [b"", b"a", b"Call", b"Call me Ishmael. \xff\x00"]
    made = model.generate(prompt=prompts, num_bytes=21, temperature=0.0)
    assert made == [continue_greedily(model, prompt, 21) for prompt in prompts]


def test_text_depends_on_seed_place_and_prompt_alone():
    model = make_model()
    few, many = (model.generate(count, prompt=b"Call", num_bytes=13, seed=5) for count in (2, 5))
    assert many[:2] == few and len(set(many)) == 5
    assert model.generate(5, prompt=b"Call", num_bytes=13, seed=5, batch_size=2) == many
    assert model.generate(prompt=b"Call", num_bytes=13, seed=5) == many[0]
    assert model.generate(prompt=b"Call", num_bytes=6, seed=5) == many[0][:10]
    assert model.generate(prompt=[b"a", b"Call"], num_bytes=13, seed=5)[1] == many[1]
    # Without a prompt, the first window is what `generate` draws.
    assert model.generate(2, prompt=b"", seed=5) == [row.tobytes() for row in model.generate(2, seed=5)]


def test_strings_show_bytes_that_are_no_utf8():
    model = make_model()
    raw = model.generate(prompt="caf\u00e9".encode(), num_bytes=40, seed=2)
    text = model.generate(prompt="caf\u00e9", num_bytes=40, seed=2)
    assert text == raw.decode("utf-8", "replace") and "\ufffd" in text and text.startswith("caf\u00e9")


def test_options_and_prompts_are_checked():
    model = make_model()
    for prompt in (3, [], ["a", b"a"], [None]):
        with pytest.raises((UserError, TypeError), match="`prompt` must be|iterable"):
            model.generate(prompt=prompt)
    with pytest.raises(UserError, match="`num_bytes` must be an integer >= 1"):
        model.generate(prompt="a", num_bytes=0)
    with pytest.raises(UserError, match="`num_bytes` needs a `prompt`"):
        model.generate(2, num_bytes=3)
    with pytest.raises(UserError, match="`count` must be left out"):
        model.generate(2, prompt=["a"])
    with pytest.raises(UserError, match="no sampling option `temprature`.*`temperature`"):
        model.generate(prompt="a", temprature=0.5)
    codes = tg.TokenTransformer({"shape": [8], "vocabulary_size": 4}, width=8, num_blocks=1, num_heads=2)
    assert not codes.can(WritesText) and "generate_text" not in [one.name for one in signatures_of(codes)]
    with pytest.raises(UserError, match="A prompt needs a model that can continue text"):
        codes.generate(prompt="a")


def test_bytes_have_the_likelihood_of_the_whole():
    model = make_model()
    text = np.random.default_rng(0).integers(0, 256, [3, LENGTH], np.uint8)
    each = model.byte_log_prob(model.spec.to_model(text)).numpy()
    np.testing.assert_allclose(each.sum(axis=1), model.log_prob(text), rtol=1e-5)


def test_signature_answers_as_the_model_does(tmp_path):
    model = make_model()
    tg.export_saved_model(model, tmp_path / "text", max_count=4)
    exported = tg.load_generator(tmp_path / "text")
    assert exported.generate(prompt="Call me", num_bytes=20, seed=4, top_k=5) == model.generate(
        prompt="Call me", num_bytes=20, seed=4, top_k=5
    )
    text = np.random.default_rng(0).integers(0, 256, [3, LENGTH], np.uint8)
    values = model.spec.to_model(text)
    np.testing.assert_allclose(exported.byte_log_prob(values), model.byte_log_prob(values), rtol=1e-5)

    def ask(prompts, seed, num_bytes, temperature=(1.0,), top_k=(0.0,), top_p=(1.0,)):
        return exported.call_signature(
            "generate_text", prompt=prompts, seed=seed, num_bytes=num_bytes, temperature=temperature, top_k=top_k, top_p=top_p
        )  # fmt: skip

    # Each prompt with its own numbers, as it would be alone.
    answer = ask([b"Call", b"\xff", b""], [4, 5, 6], [20, 3, 9], [0.5, 1.0, 0.0], [0.0, 3.0, 0.0], [1.0, 1.0, 0.5])
    alone = [
        model.generate(prompt=b"Call", num_bytes=20, seed=4, temperature=0.5),
        model.generate(prompt=b"\xff", num_bytes=3, seed=5, top_k=3),
        model.generate(prompt=b"", num_bytes=9, seed=6, temperature=0.0, top_p=0.5),
    ]
    assert answer["txt_bytes"].tolist() == alone
    assert [one.decode() for one in answer["text"].tolist()][1].startswith("\ufffd")
    for bad in ({"num_bytes": [0]}, {"num_bytes": [16 * LENGTH + 1]}, {"temperature": [-1.0]}, {"seed": [1, 2]}):
        with pytest.raises(tf.errors.InvalidArgumentError):
            ask(**{"prompts": [b"a", b"b", b"c"], "seed": [1], "num_bytes": [3], **bad})


def test_runs_of_tokens_are_embedded_in_whole_passes_and_steps_alike():
    model = make_model(ngram_sizes=(2, 3), ngram_buckets=101)
    prompts = [b"", b"Call me Ishmael."]
    made = model.generate(prompt=prompts, num_bytes=21, temperature=0.0)
    assert made == [continue_greedily(model, prompt, 21) for prompt in prompts]
    again = tg.TokenTransformer.from_config(model.get_config())
    assert (
        again.network.count_params()
        == model.network.count_params()
        == make_model().network.count_params() + 2 * 101 * 16
    )
    with pytest.raises(ValueError, match="`ngram_sizes` must be different integers >= 2"):
        make_model(ngram_sizes=(1, 2))
    with pytest.raises(ValueError, match="`ngram_buckets` must be an integer in"):
        make_model(ngram_sizes=(2,), ngram_buckets=1)
