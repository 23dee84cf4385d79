"""ExportedModel: an exported model in Python, without the class that it was made of."""

import numpy as np
import tensorflow as tf

from tfgan_suite.foundation.errors import UserError, unknown_name
from tfgan_suite.foundation.randomness import fold
from tfgan_suite.generative.abilities import (
    Completes,
    Discriminates,
    Encodes,
    HasLatents,
    HasLikelihood,
    Reconstructs,
    ScoresAnomalies,
    Tokenizes,
)
from tfgan_suite.generative.generative_model import GenerativeModel
from tfgan_suite.generative.masks import check_mask
from tfgan_suite.generative.prompted_text import PromptedText
from tfgan_suite.generative.sampling_options import SamplingOption, resolve_sampling
from tfgan_suite.generative.texture_model import TextureModel
from tfgan_suite.specs.example_spec import spec_from_config


class ExportedModel(
    PromptedText,
    HasLatents,
    Encodes,
    Reconstructs,
    Completes,
    Tokenizes,
    HasLikelihood,
    Discriminates,
    ScoresAnomalies,
    TextureModel,
    GenerativeModel,
):
    """An exported model in Python: `generate`, `evaluate` and callbacks work as with the model it was made of.

    Made by `load_generator`. It has the code for every ability that an export can have; `can` says which it has.

    Args:
        loaded: What `tf.saved_model.load` returned.
        card: Dict. The model card, as from `read_model_card`.

    Attributes:
        card: Dict. The model card.
        examples_seen: Integer. Examples that the model was trained on, or `None` if that is not known.
    """

    def __init__(self, loaded, card: dict):
        super().__init__(name="exported_model", dtype="float32")
        described = card["model"]
        self.card = card
        self.spec = spec_from_config(described["example"])
        condition = described["condition"]
        self.num_classes = condition["size"] if condition["kind"] == "classes" else None
        self.class_names = (card.get("data") or {}).get("class_names")
        self.sampling_options = tuple(SamplingOption(**option) for option in described["sampling_options"])
        self.examples_seen = card["training"]["examples_seen"]
        for attributes in described["abilities"].values():
            for name, value in attributes.items():
                setattr(self, name, tuple(value) if isinstance(value, list) else value)
        # Past Keras's attribute tracking, which knows no loaded objects.
        object.__setattr__(self, "_loaded", loaded)
        self.built = True

    @property
    def weights_kind(self):
        # A card counts the parameters of an averaged network under `ema_<name>`.
        return "ema" if any(name.startswith("ema_") for name in self.card["model"]["parameters"]) else "raw"

    def can(self, ability):
        return ability.__name__ in self.card["model"]["abilities"]

    def compile(self, *args, **kwargs):
        """Refused: what is exported are the weights of sampling."""
        raise UserError(
            "An exported model generates and cannot be trained. To train, load the run that it was exported from with "
            "`load_model`; for scores use `tfgan_suite.evaluate`."
        )

    # === Sampling ===

    def sample_labels(self, batch_size, seed):
        if self.num_classes is None:
            return None
        return self._loaded.sample_labels(batch_size=tf.cast(batch_size, tf.int32), seed=seed)

    def sample_latents(self, batch_size, seed, **sampling):
        return self._loaded.sample_latents(
            batch_size=tf.cast(batch_size, tf.int32), seed=seed, **self._sampling_tensors(sampling)
        )

    def call(self, latents, labels=None, training=False, **sampling):
        tensors = self._sampling_tensors(sampling)
        return self._loaded.synthesize(latents=latents, **tensors, **self._label_tensors(labels))

    def sample(self, count, seed, labels=None, **sampling):
        if self.can(HasLatents):
            return super().sample(count, seed, labels, **sampling)
        if labels is None:
            labels = self.sample_labels(count, fold(seed, "generate", "labels"))
        return self._loaded.sample(
            count=tf.cast(count, tf.int32),
            seed=tf.cast(seed, tf.int64),
            **self._sampling_tensors(sampling),
            **self._label_tensors(labels),
        )

    def _sampling_tensors(self, sampling):
        values = {option.name: option.default for option in self.sampling_options} | sampling
        return {name: tf.cast(value, tf.float32) for name, value in values.items()}

    def _label_tensors(self, labels):
        return {} if self.num_classes is None else {"labels": tf.cast(labels, tf.int32)}

    # === Abilities ===

    def encode(self, examples, labels=None, seed=None):
        return self._loaded.model_encode(examples=examples, **self._label_tensors(labels))

    def reconstruct(self, examples, labels=None, seed=None):
        return self._loaded.model_reconstruct(examples=examples, **self._label_tensors(labels))

    def complete(self, examples, mask, labels=None, seed=0, **sampling):
        mask = check_mask(mask, len(examples), self.spec.positions)
        if np.asarray(examples).dtype == self.spec.edge_dtype:
            examples = self.spec.to_model(examples)
        sampling = {name: [value] for name, value in resolve_sampling(self, sampling).items()}
        completed = self._loaded.model_complete(
            examples=examples,
            mask=mask,
            seed=tf.constant([seed], tf.int64),
            **self._sampling_tensors(sampling),
            **self._label_tensors(self._checked_labels(labels, len(examples))),
        )
        return completed.numpy()

    def encode_tokens(self, examples):
        return self._loaded.model_encode_tokens(examples=examples)

    def decode_tokens(self, tokens):
        return self._loaded.model_decode_tokens(tokens=tf.cast(tokens, tf.int32))

    def log_prob(self, examples, labels=None, samples=1, seed=0):
        if samples != 1 and self.likelihood != "exact":
            raise UserError(f"`samples` must be 1 for an exported model. Received: samples={samples}")
        labels = self._label_tensors(labels)
        return self._loaded.model_log_prob(examples=examples, seed=tf.cast(seed, tf.int64), **labels)

    def continue_text(self, prompts, seeds, num_bytes, labels=None, **sampling):
        return self._loaded.model_continue_text(
            prompts=prompts,
            seeds=seeds,
            num_bytes=tf.cast(num_bytes, tf.int32),
            **self._sampling_tensors(sampling),
            **self._label_tensors(labels),
        )

    def byte_log_prob(self, examples, labels=None):
        return self._loaded.model_byte_log_prob(examples=examples, **self._label_tensors(labels))

    def discriminate(self, examples, labels=None, training=False):
        return self._loaded.model_discriminate(examples=examples, **self._label_tensors(labels))

    def anomaly_score(self, examples):
        return self._loaded.model_anomaly_score(examples=examples)

    def synthesize_textures(self, latent_maps, labels=None):
        return self._loaded.synthesize_textures(latent_maps=latent_maps, **self._label_tensors(labels))

    # === Through signatures ===

    def call_signature(self, name, **inputs) -> dict[str, np.ndarray]:
        """Calls one of the signatures that a server answers with.

        Args:
            name: String. One of those in the card.
            **inputs: All inputs of the signature.

        Returns:
            Dict of name to NumPy array.

        Raises:
            UserError: The export has no such signature, or its inputs are others.
        """
        signatures = self._loaded.signatures
        if name not in signatures:
            raise unknown_name("signature", name, signatures)
        _, specs = signatures[name].structured_input_signature
        if inputs.keys() != specs.keys():
            raise UserError(
                f"The inputs of `{name}` must be {', '.join(sorted(specs))}. Received: {', '.join(sorted(inputs))}"
            )
        tensors = {key: tf.constant(value, specs[key].dtype) for key, value in inputs.items()}
        return {key: value.numpy() for key, value in signatures[name](**tensors).items()}

    def generate_by_signature(self, count, labels=None, *, seed=0, **sampling) -> np.ndarray:
        """As `generate`, through the signature that a server answers with.

        Args:
            count: Integer >= 1, or a list of one for each of several requests. At most as many in all as the card's
                `max_count`.
            labels: For a model with classes: integers, one for each example, or `None` to draw them.
            seed: Integer, or a list of one for each request.
            **sampling: The model's sampling options, each a float, or a list of one for each request.

        Returns:
            NumPy array `[count, *spec.shape]` of the spec's `edge_dtype`.

        Raises:
            UserError: A sampling option that the model does not have, or out of range.
        """
        for name, values in sampling.items():
            for value in np.ravel(values).tolist():
                resolve_sampling(self, {name: value})
        options = {
            option.name: np.broadcast_to(sampling.get(option.name, option.default), np.shape(count))
            for option in self.sampling_options
        }
        drawn_or_given = {} if self.num_classes is None else {"labels": [] if labels is None else labels}
        outputs = self.call_signature("generate", seed=seed, count=count, **options, **drawn_or_given)
        return outputs[self.spec.unit[1]]
