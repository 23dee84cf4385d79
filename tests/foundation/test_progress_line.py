import io

from tfgan_suite.foundation.progress_line import ProgressLine


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_gets_one_line_rewritten(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    stream = Terminal()
    progress = ProgressLine("real images", 1000, stream=stream)
    for _ in range(4):
        now[0] += 1.0
        progress.advance(250)
    progress.close()
    lines = stream.getvalue().split("\r")[1:]
    assert lines[0].startswith("real images: 250 of 1,000, 250 images/s, 3 s left")
    assert lines[-1].startswith("real images: 1,000 of 1,000, 250 images/s") and lines[-1].endswith("\n")
    assert stream.getvalue().count("\n") == 1


def test_a_file_gets_few_lines_and_silence_when_asked():
    stream = io.StringIO()
    for enabled in (True, False):
        progress = ProgressLine("images", None, enabled, stream)
        for _ in range(100):
            progress.advance(1)
        progress.close()
    assert stream.getvalue().count("\n") == 1 and stream.getvalue().startswith("images: 100,")
