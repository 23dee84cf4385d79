"""All signatures, in the order in which they are documented."""

from tfgan_suite.exports.signatures.anomaly_score import AnomalyScore
from tfgan_suite.exports.signatures.complete import Complete
from tfgan_suite.exports.signatures.decode_tokens import DecodeTokens
from tfgan_suite.exports.signatures.discriminate import Discriminate
from tfgan_suite.exports.signatures.encode import Encode
from tfgan_suite.exports.signatures.encode_tokens import EncodeTokens
from tfgan_suite.exports.signatures.generate import Generate
from tfgan_suite.exports.signatures.generate_files import GenerateFiles
from tfgan_suite.exports.signatures.generate_text import GenerateText
from tfgan_suite.exports.signatures.generate_texture_files import GenerateTextureFiles
from tfgan_suite.exports.signatures.generate_textures import GenerateTextures
from tfgan_suite.exports.signatures.log_prob import LogProb
from tfgan_suite.exports.signatures.reconstruct import Reconstruct
from tfgan_suite.exports.signatures.serving_default import ServingDefault
from tfgan_suite.exports.signatures.textures import Textures

SIGNATURES = (
    *(ServingDefault, Generate, GenerateFiles, Discriminate, Encode, Reconstruct, Complete, LogProb, AnomalyScore),
    *(EncodeTokens, DecodeTokens, GenerateText),
    *(Textures, GenerateTextures, GenerateTextureFiles),
)


def signatures_of(model):
    """The signatures that an export of a model has, a list of `Signature`.

    Args:
        model: A built `GenerativeModel`.

    Example:

    >>> [signature.name for signature in signatures_of(DCGAN(image_shape=(8, 8, 1), base_channels=2))]
    ['serving_default', 'generate', 'generate_png', 'discriminate']
    """
    return [signature(model) for signature in SIGNATURES if signature.applies(model)]
