"""`generate_textures_png`: a seed and a size to textures as files."""

from tfgan_suite.exports.signatures.generate_files import file_suffix, writes_files
from tfgan_suite.exports.signatures.generate_textures import GenerateTextures


class GenerateTextureFiles(GenerateTextures):
    """As `GenerateTextures`, with each texture as a file."""

    def __init__(self, model):
        super().__init__(model)
        suffix = file_suffix(model.spec)
        self.name = f"generate_textures_{suffix}"
        self._output_name = f"{suffix}_bytes"

    @classmethod
    def applies(cls, model):
        return super().applies(model) and writes_files(model.spec)

    def outputs(self, images):
        return {self._output_name: self.model.spec.to_files(images)}

    def compare(self, exported, max_count):
        return None  # `GenerateTextures` has compared the textures themselves.
