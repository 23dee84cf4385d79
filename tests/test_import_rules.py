"""Who may import whom, read from the source: the rooms of the house keep their doors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tfgan_suite"
FILES = sorted(PACKAGE.rglob("*.py"))

# A room is a folder of the package. Rooms stand in the order of the table: each may import some of those above it.
PARTS = {"foundation", "specs", "layers", "generative", "engine"}
ALLOWED = {
    "foundation": set(),
    "audio": {"foundation"},
    "video": {"foundation"},
    "specs": {"foundation", "audio", "video"},
    "layers": {"foundation"},
    "drawing": {"foundation"},
    "untrusted": {"foundation"},
    "generative": {"foundation", "specs"},
    "engine": {"foundation", "specs", "generative"},
    "adversarial": PARTS,
    "likelihood": PARTS,
    "models": PARTS | {"adversarial", "likelihood"},
    "checkpoints": PARTS | {"adversarial", "likelihood", "models", "untrusted"},
    "data": {"foundation", "audio", "video", "specs"},
    "metrics": {"foundation", "specs", "generative", "data", "untrusted"},
    "callbacks": {"foundation", "audio", "video", "specs", "drawing", "generative", "engine", "metrics"},
    "latent_tools": {"foundation", "video", "specs", "drawing", "generative", "data", "metrics"},
    "exports": {"foundation", "specs", "generative", "metrics"},
    "serving": {"foundation", "exports"},
    "preprocessing": {"foundation", "specs", "generative", "data", "exports"},
    "runs": PARTS
    | {
        "audio",
        "video",
        "adversarial",
        "models",
        "checkpoints",
        "data",
        "metrics",
        "callbacks",
        "latent_tools",
        "exports",
        "drawing",
    },
    "release": {"foundation", "specs", "data", "metrics", "exports", "preprocessing", "runs"},
    "judging": {"foundation", "drawing", "data", "metrics", "serving", "runs"},
    "compile_check": {"foundation", "specs", "models", "data", "runs"},
    "commands": {
        *(
            "foundation",
            "drawing",
            "generative",
            "models",
            "checkpoints",
            "metrics",
            "latent_tools",
            "exports",
            "serving",
        ),
        *("preprocessing", "runs", "release", "judging", "compile_check"),
    },
}
# Packages that only some rooms may import, and the rooms.
HEAVY = {
    "apache_beam": {"preprocessing"},
    "distributed": {"preprocessing"},
    "tensorflow_serving": {"serving", "exports", "commands"},
    "grpc": {"serving", "commands"},
    "aiohttp": {"serving"},
    "kserve": {"serving"},
    **dict.fromkeys(["tf2onnx", "onnx", "onnxruntime", "ai_edge_litert"], {"exports"}),
    "tensorflow_datasets": {"data"},
    **dict.fromkeys(["soundfile", "scipy"], {"audio"}),
    "imageio_ffmpeg": {"video"},
    "espeakng_loader": {"data"},
    "jaxlib": {"compile_check"},
    "libtpu": {"compile_check"},
    "torch": set(),
    "tfx": set(),
    "tensorflow_gan": set(),
}
NUMERIC = {"tensorflow", "keras", "numpy", "PIL"}
NUMERIC_ROOMS = PARTS | {"data", "metrics", "adversarial", "models"}


def room_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports_of(path):
    """Dotted names that a file imports, at its top or within functions; `import_extra("x", ...)` counts."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: expected an absolute import"
            yield node.module, node.lineno
            if node.module == "tfgan_suite":
                yield from ((f"tfgan_suite.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in (
            "import_extra",
            "import_module",
        ):
            if node.args and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value, node.lineno


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_room_imports_only_what_it_may(room):
    wrong = []
    for path in FILES:
        if room_of(path) != room:
            continue
        for name, line in imports_of(path):
            parts = name.split(".")
            if parts[0] == "tfgan_suite" and len(parts) > 1 and parts[1] not in ALLOWED[room] | {room, "__version__"}:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_the_table_is_the_house():
    assert set(ALLOWED) == {room_of(path) for path in FILES if path.parent != PACKAGE}


def test_no_room_stands_above_one_that_imports_it():
    rooms = list(ALLOWED)
    for room, others in ALLOWED.items():
        assert all(rooms.index(other) < rooms.index(room) for other in others), room


def test_the_top_holds_public_names_alone():
    assert [path.name for path in FILES if path.parent == PACKAGE] == ["__init__.py"]


def test_a_model_imports_no_other_model():
    wrong = []
    for path in (PACKAGE / "models").glob("*/*.py"):
        own = path.relative_to(PACKAGE / "models").parts[0]
        for name, line in imports_of(path):
            parts = name.split(".")
            if parts[:2] == ["tfgan_suite", "models"] and len(parts) > 2 and parts[2] not in (own, "catalogue"):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", sorted(HEAVY))
def test_heavy_packages_stay_in_their_rooms(package):
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in FILES
        for name, line in imports_of(path)
        if name.split(".")[0] == package and room_of(path) not in HEAVY[package]
    ]
    assert not wrong, f"only {sorted(HEAVY[package]) or 'nobody'} may import {package}: " + ", ".join(wrong)


def test_numeric_rooms_need_only_the_core():
    optional = {"apache_beam", "tensorflow_datasets", "dicebear", "dicebear_styles", "resvg_py", "espeakng_loader"}
    wrong = []
    for path in FILES:
        if room_of(path) in NUMERIC_ROOMS:
            for name, line in imports_of(path):
                top = name.split(".")[0]
                if top not in sys.stdlib_module_names | NUMERIC | optional | {"tfgan_suite"}:
                    wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_keras_is_never_imported_through_tensorflow():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in [*FILES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "keras" and getattr(node.value, "id", "") == "tf"
    ]
    assert not wrong, f"expected `import keras`, not tf.keras: {', '.join(wrong)}"


def test_importing_the_package_is_quick_and_light():
    program = (
        "import sys, time; start = time.process_time(); import tfgan_suite; dir(tfgan_suite)\n"
        "print(time.process_time() - start, *{name.split('.')[0] for name in sys.modules})"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert float(output[0]) < 1.0
    heavy = {"tensorflow", "keras", "numpy", "apache_beam", "tfx", "tensorflow_datasets", "PIL"} & set(output[1:])
    assert not heavy
