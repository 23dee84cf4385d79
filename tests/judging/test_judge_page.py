"""The page in a browser, by the keyboard alone."""

import pytest

from tests.browser import Browser
from tfgan_suite.judging.answers import AnswerStore
from tfgan_suite.judging.study import ANSWERS_NAME

COUNT = "document.getElementById('count').textContent"


def shown(section):
    return f"!document.getElementById('{section}').hidden"


@pytest.fixture
def browser(tmp_path):
    with Browser(tmp_path / "profile") as opened:
        yield opened


def begin(browser, server, name):
    browser.open(server.url)
    browser.wait_for(shown("start"))
    browser.press(*name, "Enter")
    browser.wait_for(f"{shown('trial')} || {shown('done')}")


def test_real_or_fake_by_keyboard_over_a_restart_of_the_server(make, serve, browser):
    study = make(num_items=4, num_repeats=1, num_checks=1)
    server, trials = serve(study), study.trials("Ada")
    begin(browser, server, "Ada")
    assert browser.evaluate("document.querySelector('.stage img').naturalWidth") == 16
    keys = {"real": ("ArrowLeft", "r", "1"), "fake": ("ArrowRight", "f", "2")}
    for trial in trials[:3]:
        browser.wait_for(f"{COUNT} === '{trial.number + 1} of 6'")
        browser.press("x", keys[trial.item.right][trial.number])
    browser.wait_for(f"{COUNT} === '4 of 6'")
    server.stop(grace_seconds=0.5)
    browser.press("r")
    browser.wait_for(shown("trouble"))
    assert "does not respond" in browser.evaluate("document.getElementById('what').textContent")
    begin(browser, serve(study), "Ada")  # On another port; the answers are those of the study.
    for trial in trials[3:]:
        browser.wait_for(f"{COUNT} === '{trial.number + 1} of 6'")
        browser.press(keys[trial.item.right][0])
    browser.wait_for(shown("done"))
    kept = AnswerStore(study.directory / ANSWERS_NAME).all()
    assert [one.choice for one in kept] == [trial.item.right for trial in trials]
    assert all(0 <= one.milliseconds < 60_000 and one.shown_milliseconds is None for one in kept)
    assert [text for text in browser.complaints if "REFUSED" not in text] == []


def test_a_glance_at_pairs(make, serve, browser, tmp_path):
    study = make("which-is-real", num_items=2, num_repeats=0, num_checks=0, display_milliseconds=120)
    begin(browser, serve(study), "Bob")
    pictures = "document.querySelectorAll('.stage img')"
    for trial in study.trials("Bob"):
        browser.wait_for(f"{COUNT} === '{trial.number + 1} of 2'")
        assert browser.evaluate(f"[...{pictures}].map((image) => image.style.visibility).join()") == "hidden,hidden"
        browser.press("ArrowLeft")  # Nothing has been seen yet: no answer.
        assert browser.evaluate("document.querySelector('#choices button').disabled")
        browser.press(" ")
        browser.wait_for(f"{pictures}.length === 2 && {pictures}[0].style.visibility === 'visible'")
        browser.wait_for("document.querySelectorAll('.stage canvas').length === 2")
        browser.press("l" if trial.pictures[0] == trial.item.right else "ArrowRight")
    browser.wait_for(shown("done"))
    kept = AnswerStore(study.directory / ANSWERS_NAME).all()
    assert [one.choice for one in kept] == [trial.item.right for trial in study.trials("Bob")]
    assert all(115 <= one.shown_milliseconds < 1000 and one.milliseconds >= one.shown_milliseconds for one in kept)
    assert browser.complaints == []
    browser.screenshot(tmp_path / "done.png")
    assert (tmp_path / "done.png").stat().st_size > 5000
