"""Sections of the report that show text, each a piece of HTML, or "" where there is nothing to show."""

import html
from pathlib import Path

from tfgan_suite.callbacks.text_samples import TEXT_SEPARATOR
from tfgan_suite.data.loader import read_split
from tfgan_suite.generative.abilities import WritesText
from tfgan_suite.metrics.bits_per_byte import held_out_split
from tfgan_suite.runs.report.html_pieces import section
from tfgan_suite.runs.sampling import sample_labels

_SEED = 1
_NUM_SAMPLES = 4
_NUM_MOMENTS = 6
_NUM_CONTINUED = 3


def samples(model, sampling):
    """Texts that nothing was given for."""
    examples = model.generate(_NUM_SAMPLES, sample_labels(model, _NUM_SAMPLES), seed=_SEED, **sampling)
    weights_text = ", from the averaged weights" if model.averages else ""
    return section(
        "Samples",
        f'<p class="soft">Not selected: the first {_NUM_SAMPLES} of seed {_SEED}{weights_text}. What is no UTF-8 is shown as '
        "\ufffd.</p>" + "".join(_block(model.spec.to_text(example)) for example in examples),
    )


def film(run, model):
    """The first text of one seed at several moments of training."""
    files = sorted((run.directory / "texts").glob("[0-9]*.txt"))
    if len(files) < 2:
        return ""
    shown = files
    if len(files) > _NUM_MOMENTS:
        shown = [files[round(index * (len(files) - 1) / (_NUM_MOMENTS - 1))] for index in range(_NUM_MOMENTS)]
    blocks = "".join(
        f"<figure>{_block(path.read_text('utf-8').split(TEXT_SEPARATOR)[0])}"
        f"<figcaption>After {int(path.stem):,} {model.spec.unit[1]}</figcaption></figure>"
        for path in shown
    )
    return section("How it learned", f'<p class="soft">A text of one seed throughout training.</p>{blocks}')


def continuations(run, model, sampling):
    """Real text, continued by the model and as it goes on."""
    if not model.can(WritesText) or not (Path(run.config.data_dir) / "dataset_info.json").is_file():
        return ""
    split = held_out_split(run.dataset_info)
    examples, labels, _ = next(read_split(run.config.data_dir, split, _NUM_CONTINUED))
    half = model.spec.shape[0] // 2
    prompts = [example[:half].tobytes() for example in examples]
    labels = None if model.num_classes is None else labels
    made = model.generate(labels=labels, prompt=prompts, num_bytes=model.spec.shape[0] - half, seed=_SEED, **sampling)
    blocks = "".join(
        f"<figure>{_block(text[:half], text[half:])}<figcaption>{caption}</figcaption></figure>"
        for example, continued in zip(examples, made)
        for text, caption in ((continued, "Continued by the model"), (example.tobytes(), "As it goes on"))
    )
    origin = "the training data" if split == "train" else f"the split {split}, which it was not trained on"
    return section(
        "Continuations",
        f'<p class="soft">The first {half} bytes, in bold, are of {origin}.</p><div class="pair">{blocks}</div>',
    )


def _block(text, rest=None):
    """Text as it is, set so that its lines stay; with a rest, the first part in bold."""
    if rest is None:
        return f'<pre class="text">{html.escape(text)}</pre>'
    first, rest = (html.escape(part.decode("utf-8", "replace")) for part in (text, rest))
    return f'<pre class="text"><b>{first}</b>{rest}</pre>'
