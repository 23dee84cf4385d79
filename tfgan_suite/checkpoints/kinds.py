"""The kinds of checkpoints that `tfgan-suite convert` reads."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class CheckpointKind:
    """A format of checkpoints.

    Attributes:
        module: String. The module that reads it: its `read_official_model(source, settings)` returns an
            `OfficialModel`.
        source: String. What the source is.
        settings: Tuple of strings. Settings with which the user can override the file.
        further_files: Tuple of strings. Settings that are paths of additional files.
    """

    module: str
    source: str
    settings: tuple[str, ...]
    further_files: tuple[str, ...] = ()


KINDS = {
    "nvidia-stylegan2": CheckpointKind(
        "tfgan_suite.checkpoints.stylegan2_conversion",
        "a .pkl of stylegan2, stylegan2-ada(-pytorch), or of a StyleGAN2 from stylegan3",
        (
            "conv_clamp",
            "mapping_learning_rate_multiplier",
            "minibatch_stddev_group_size",
            "num_mixed_precision_resolutions",
            "resample_filter",
        ),
    ),
    "nvidia-progan": CheckpointKind(
        "tfgan_suite.checkpoints.nvidia_progan",
        "a .pkl of progressive_growing_of_gans (TensorFlow)",
        ("minibatch_stddev_group_size", "normalize_latents"),
    ),
    "biggan-pytorch": CheckpointKind(
        "tfgan_suite.checkpoints.biggan_pytorch",
        "a .pth with the generator's state dict from BigGAN-PyTorch, such as G_ema.pth",
        ("spectral_norm_epsilon", "batch_norm_epsilon", "batch_norm_momentum"),
        ("discriminator", "trained_generator"),
    ),
    "biggan-tfhub": CheckpointKind(
        "tfgan_suite.checkpoints.biggan_tfhub",
        "the directory of a BigGAN or BigGAN-deep module, a TensorFlow checkpoint of its variables, or an .npz of them",
        (
            "truncation",
            "attention_resolution",
            "accumulators",
            "spectral_norm_epsilon",
            "batch_norm_epsilon",
            "image_channels",
        ),
    ),
}
