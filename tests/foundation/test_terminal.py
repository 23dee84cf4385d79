"""Names come from others, and never steer the terminal."""

import ast
from pathlib import Path

import tfgan_suite
from tfgan_suite.foundation.errors import UserError
from tfgan_suite.foundation.terminal import printable, say

PACKAGE = Path(tfgan_suite.__file__).parent
# Scripts of their own that print JSON, and lines of progress without names.
MAY_PRINT = {"answer_request.py", "tpu_process.py", "terminal.py", "cli.py", "preparation_progress.py"}


def test_what_steers_is_written_out(capsys):
    assert printable("cats\x1b[2J\r\x9b\udcff\u202e\tände\n") == "cats\\x1b[2J\\r\\x9b\\udcff\\u202e\tände\n"
    say("a\x1b]0;b", 1)
    assert capsys.readouterr().out == "a\\x1b]0;b 1\n"
    assert str(UserError("No class 'a\x1b[31m'.")) == "No class 'a\\x1b[31m'."


def test_nothing_else_prints():
    for path in PACKAGE.rglob("*.py"):
        names = {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
        assert "print" not in names or path.name in MAY_PRINT, path
