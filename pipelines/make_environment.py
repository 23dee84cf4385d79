"""Creates the environment of the TFX pipeline with an interpreter found on the machine. Needs only Python 3.8 or newer.

TFX 1.16 needs Python 3.10 and runs on old systems; TFX 1.21 needs Python 3.11 to 3.13 and glibc 2.39 or newer. Their
requirements exclude each other, and TFX cannot share the suite's own environment, because it requires a specific
version of TensorFlow.
"""

import glob
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NEW_TFX_GLIBC = (2, 39)
NEEDED = {"1.16": [(3, 10)], "1.21": [(3, 13), (3, 12), (3, 11)]}
# Asks an interpreter for its version, and whether it can create environments and compile extensions.
_QUESTION = """
import ensurepip, pathlib, sys, sysconfig, venv
header = pathlib.Path(sysconfig.get_paths()["include"], "Python.h")
print(sys.version_info[0], sys.version_info[1], header.is_file())
"""


def find_interpreters():
    """Returns pairs of version and path of the Python interpreters on this machine that can create an environment."""
    names = [f"python{major}.{minor}" for versions in NEEDED.values() for major, minor in versions]
    paths = [shutil.which(name) for name in [*names, "python3"]]
    paths += sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python")), reverse=True)
    paths += sorted(glob.glob(os.path.expanduser("~/.local/share/uv/python/cpython-3.*/bin/python3")), reverse=True)
    found = []
    for path in filter(None, paths):
        answer = subprocess.run([path, "-c", _QUESTION], capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.split()[2] == "True":
            major, minor = answer.stdout.split()[:2]
            found.append(((int(major), int(minor)), path))
    return found


def glibc_version():
    """Returns the version of glibc, such as `(2, 36)`, or `None` on systems with another C library."""
    try:
        return tuple(int(part) for part in os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")[:2])
    except (ValueError, OSError, AttributeError, IndexError):
        return None


def choose(interpreters, glibc):
    """Chooses the version of TFX and the interpreter to use.

    Args:
        interpreters: List of pairs of a version, such as `(3, 10)`, and a path.
        glibc: Tuple or `None`. Version of glibc.

    Returns:
        Tuple `(tfx, path)`, such as `("1.16", "/usr/bin/python3.10")`, or `None` if no interpreter is suitable.
    """
    for tfx, versions in NEEDED.items():
        if tfx == "1.21" and (glibc is None or glibc < NEW_TFX_GLIBC):
            continue
        for version in versions:
            for found, path in interpreters:
                if found == version:
                    return tfx, path
    return None


def make(directory):
    """Creates the environment, and finally writes `.installed` to it to mark it as complete.

    Args:
        directory: String. Directory of the environment.

    Raises:
        SystemExit: If the machine has no suitable interpreter, or no C++ compiler.
    """
    interpreters, glibc = find_interpreters(), glibc_version()
    chosen = choose(interpreters, glibc)
    seen = ", ".join(f"{major}.{minor}" for major, minor in sorted({version for version, _ in interpreters})) or "none"
    if chosen is None:
        raise SystemExit(
            "TFX needs Python 3.10 (TFX 1.16), or Python 3.11 to 3.13 on glibc 2.39 or newer (TFX 1.21), with venv and "
            f"headers. Found: Python {seen}; glibc {'.'.join(map(str, glibc)) if glibc else 'none'}. Install Python "
            "3.10, for example with `pyenv install 3.10` or `uv python install 3.10`."
        )
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise SystemExit(
            "Installing TFX needs a C++ compiler, and there is none. Install one, for example with: apt install g++"
        )
    tfx, interpreter = chosen
    print(f"Installing TFX {tfx} on {interpreter} into {directory}: 3 GB, three to ten minutes ...", flush=True)
    subprocess.run([interpreter, "-m", "venv", "--clear", directory], check=True)
    python = os.path.join(directory, "bin", "python")
    # pip takes an hour to resolve the versions, uv a minute.
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uv"], check=True)
    install = [python, "-m", "uv", "pip", "install", "--quiet", "--python", python]
    extras = ROOT + "[pipeline,features,test]"
    subprocess.run([*install, "-r", os.path.join(ROOT, "requirements", "tfx.txt"), "-e", extras], check=True)
    subprocess.run([*install, "--no-deps", "-r", os.path.join(ROOT, "requirements", "digits.txt")], check=True)
    asked = "import platform; from importlib.metadata import version as v; print('TFX ' + v('tfx'), 'on Python', "
    asked += "platform.python_version() + ': TensorFlow', v('tensorflow') + ', Keras', v('keras') + ', Beam', v('apache-beam'))"
    told = subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout
    with open(os.path.join(directory, ".installed"), "w") as file:
        file.write(told)


if __name__ == "__main__":
    make(sys.argv[1])
