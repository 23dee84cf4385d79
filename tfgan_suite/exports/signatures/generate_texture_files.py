"""`generate_textures_png`: a seed and a size to textures as files."""

from tfgan_suite.exports.signatures.generate_files import AsFiles
from tfgan_suite.exports.signatures.generate_textures import GenerateTextures


class GenerateTextureFiles(AsFiles, GenerateTextures):
    """As `GenerateTextures`, with each texture as a file."""
