"""Who may import whom, read from the source: the rooms of the house keep their doors."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tfgan_suite"
FILES = sorted(PACKAGE.rglob("*.py"))

# A room is a folder or a file directly in the package. What stands in no row may be imported by all.
BASE = {"errors", "files", "image_range", "microbatches", "randomness", "training_phase", "versions", "wire_format"}
PARTS = BASE | {"loss_scaling", "adam", "gradient_guard", "losses", "penalties", "ema", "latents", "layers"}
ALLOWED = {
    "errors": set(),
    "files": set(),
    "versions": set(),
    "wire_format": set(),
    "image_range": set(),
    "microbatches": set(),
    "randomness": {"microbatches"},
    "training_phase": set(),
    "config": {"errors", "files"},
    "line_chart": set(),
    "layers": BASE,
    "adam": BASE,
    "gradient_guard": BASE,
    "loss_scaling": BASE,
    "losses": BASE,
    "penalties": BASE,
    "ema": BASE,
    "latents": BASE,
    "augment": BASE | {"layers"},
    "latent_tools": BASE | {"generative_model", "latents", "metrics", "callbacks"},
    "data": BASE,
    "metrics": BASE | {"data", "checkpoints"},
    "checkpoints": BASE | {"models", "layers", "latents", "generative_model", "pretrained_generator"},
    "preprocessing": BASE | {"data", "export"},
    "generative_model": BASE,
    "texture_model": BASE,
    "adversarial_model": PARTS | {"generative_model"},
    "pretrained_generator": PARTS | {"generative_model", "adversarial_model"},
    "step_parts": PARTS | {"adversarial_model"},
    "gan": PARTS | {"generative_model", "adversarial_model", "step_parts", "augment"},
    "models": PARTS | {"generative_model", "texture_model", "gan", "augment"},
    "callbacks": BASE | {"generative_model", "metrics", "config"},
    "evaluation": BASE | {"generative_model", "metrics", "data"},
    "serving": BASE | {"generative_model", "metrics", "data"},
    "saving": BASE | {"config"},
    "export": BASE | {"generative_model", "texture_model", "metrics", "data", "serving"},
    "exports": BASE | {"export", "serving"},
    "distribution": {"config", "errors"},
    "quiet_tensorflow": set(),
    "recipe": BASE | {"models", "augment", "gradient_guard", "config"},
    "training": BASE | {"recipe", "distribution", "data", "callbacks", "evaluation", "config", "metrics"},
}
# Packages that only some rooms may import, and the rooms.
HEAVY = {
    "apache_beam": {"preprocessing"},
    "distributed": {"preprocessing"},
    "tensorflow_serving": {"serving", "demo", "export"},
    "grpc": {"serving", "demo"},
    "kserve": {"serving"},
    **dict.fromkeys(["tf2onnx", "onnx", "onnxruntime", "ai_edge_litert"], {"exports"}),
    "tensorflow_datasets": {"data"},
    "jaxlib": {"compile_check"},
    "libtpu": {"compile_check"},
    "torch": set(),
    "tfx": set(),
    "tensorflow_gan": set(),
}
NUMERIC = {"tensorflow", "keras", "numpy", "PIL"}
NUMERIC_ROOMS = {
    "data",
    "layers",
    "losses",
    "penalties",
    "ema",
    "latents",
    "metrics",
    "adversarial_model",
    "gan",
    "generative_model",
    "models",
}


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


def test_nothing_imports_the_front_door():
    front = {"cli", "commands", "demo", "judging", "pipeline", "report", "runs"}
    front |= {"compile_check", "sampling", "estimate", "run_scores", "watching"}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in FILES
        if room_of(path) not in front
        for name, line in imports_of(path)
        if name.startswith("tfgan_suite.") and name.split(".")[1] in front
    ]
    assert not wrong, "\n".join(wrong)


def test_every_room_of_the_table_is_there():
    assert set(ALLOWED) - {room_of(path) for path in FILES} <= {"augment", "latent_tools"}


def test_a_model_imports_no_other_model():
    wrong = []
    for path in (PACKAGE / "models").rglob("*.py"):
        own = path.relative_to(PACKAGE / "models").parts[0]
        for name, line in imports_of(path):
            parts = name.split(".")
            if parts[:2] == ["tfgan_suite", "models"] and len(parts) > 2 and parts[2] != own:
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
    optional = {"apache_beam", "tensorflow_datasets", "dicebear", "dicebear_styles", "resvg_py"}
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
