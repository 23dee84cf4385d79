"""Reads a YAML file that people write: numbers as they write them, and nothing silently lost."""

import functools
import re

from tfgan_suite.foundation.errors import UserError, import_extra
from tfgan_suite.foundation.paths import local_path
from tfgan_suite.foundation.small_files import reading

# Numbers of YAML 1.2: `25e3` needs neither dot nor sign, `010` is not eight, and `12:30` is not 750. Underscores are as in 1.1.
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+)$")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+)$"
    r"|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
)
_REPLACED_TAGS = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp"))


def read_yaml(path):
    """Reads a YAML file.

    Args:
        path: String or path of the file.

    Returns:
        What the file holds: dicts, lists, strings, numbers, booleans, and `None`.

    Raises:
        UserError: If the file does not exist, is not YAML, or names an entry twice.
        MissingExtraError: If PyYAML is not installed.
    """
    yaml = import_extra("yaml", "pipeline", "Reading a pipeline's configuration")
    path = local_path(path)
    if not path.is_file():
        raise UserError(
            f"`path` must be the YAML file of a pipeline. There is no such file. Received: path={str(path)!r}"
        )
    with reading(path, "the YAML file of a pipeline"):
        text = path.read_text(encoding="utf-8")
    try:
        return yaml.load(text, Loader=_loader())
    except Exception as error:  # What stands behind a tag, such as `!!int x`, is read by functions that raise anything.
        raise UserError(f"{str(path)!r} must be a YAML file. Received: {' '.join(str(error).split())}") from error


@functools.cache
def _loader():
    """PyYAML's safe loader with the numbers above, which refuses an entry that stands twice."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED_TAGS]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        # Before `<<` brings in the entries of others, which those of the mapping itself may replace.
        def compose_mapping_node(self, anchor):
            node = super().compose_mapping_node(anchor)
            found = set()
            for key, _ in node.value:
                name = (key.tag, str(key.value))
                if name in found:
                    raise yaml.MarkedYAMLError(
                        problem=f"the entry {key.value!r} stands twice; keep one of them", problem_mark=key.start_mark
                    )
                found.add(name)
            return node

    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INTEGER, list("-+0123456789"))
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+.0123456789"))
    return Loader
