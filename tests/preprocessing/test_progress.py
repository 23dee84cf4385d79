import threading

import pytest

from tfgan_suite.preprocessing.preparation_progress import PreparationProgress


def test_a_log_gets_the_final_count(tmp_path, capsys):
    with PreparationProgress().watch_blocks(tmp_path, {0: 256, 1: 44}):
        (tmp_path / "000000.json").write_text("")
        (tmp_path / "000000.items").write_text("")
        (tmp_path / ".000001.json.tmp").write_text("")
    text = capsys.readouterr().err
    assert "256 of 300 images" in text and text.endswith("images/s\n")


def test_a_terminal_gets_one_line_rewritten(tmp_path, capsys, monkeypatch):
    progress = PreparationProgress()
    monkeypatch.setattr(progress, "_in_place", True)
    with progress.watch_blocks(tmp_path, {0: 10}):
        pass
    assert capsys.readouterr().err.startswith("\r  0 of 10 images")


def test_quiet(tmp_path, capsys):
    progress = PreparationProgress(enabled=False)
    progress.say("hello")
    with progress.watch_blocks(tmp_path, {0: 1}):
        pass
    assert capsys.readouterr().err == ""


def test_an_error_ends_the_watch(tmp_path, capsys):
    before = threading.active_count()
    with pytest.raises(KeyError):
        with PreparationProgress().watch_blocks(tmp_path, {0: 1}):
            assert threading.active_count() == before + 1
            raise KeyError
    assert threading.active_count() == before
    assert "0 of 1 images" in capsys.readouterr().err
