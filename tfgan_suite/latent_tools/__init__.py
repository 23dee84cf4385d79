"""Tools for exploring the latents and styles of a trained generator."""

from tfgan_suite.latent_tools.animation import closed_path, loop_frames
from tfgan_suite.latent_tools.class_interpolation import interpolate_classes
from tfgan_suite.latent_tools.class_pictures import samples_per_class, write_class_loop
from tfgan_suite.latent_tools.encoding import Encoded, encode_example, encode_examples
from tfgan_suite.latent_tools.interpolation import interpolate_styles
from tfgan_suite.latent_tools.label_directions import find_label_directions
from tfgan_suite.latent_tools.projection import Projection, project, style_statistics
from tfgan_suite.latent_tools.sefa import Directions, direction_grid, find_directions
from tfgan_suite.latent_tools.style_mixing import mix_styles
from tfgan_suite.latent_tools.style_space import StyleSpace
from tfgan_suite.latent_tools.truncation import class_centers, truncate
from tfgan_suite.video.animation_files import write_animation

__all__ = [
    "Directions",
    "Encoded",
    "Projection",
    "StyleSpace",
    "class_centers",
    "closed_path",
    "direction_grid",
    "encode_example",
    "encode_examples",
    "find_directions",
    "find_label_directions",
    "interpolate_classes",
    "interpolate_styles",
    "loop_frames",
    "mix_styles",
    "project",
    "samples_per_class",
    "style_statistics",
    "truncate",
    "write_animation",
    "write_class_loop",
]
