"""The models that can be named on the command line, and the module and class that each name stands for."""

MODELS = {
    "biggan": ("tfgan_suite.models.biggan.biggan", "BigGAN"),
    "dcgan": ("tfgan_suite.models.dcgan.dcgan", "DCGAN"),
    "progan": ("tfgan_suite.models.progan.progan", "ProGAN"),
    "stylegan2": ("tfgan_suite.models.stylegan2.stylegan2", "StyleGAN2"),
    "texture_progan": ("tfgan_suite.models.progan.texture_progan", "TextureProGAN"),
}
