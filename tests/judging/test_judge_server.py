"""Requests of a page, of a careless client and of a hostile one; and a server that is killed."""

import http.client
import json
import sqlite3
import subprocess
import sys
import urllib.parse

import pytest

from tests.serving.test_rest_server import send_raw
from tfgan_suite.judging.answers import Answer, AnswerStore
from tfgan_suite.judging.judge_server import JudgeServer
from tfgan_suite.judging.study import ANSWERS_NAME


def request(server, method, path, body=None, **headers):
    """Status, headers and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, response.headers, content


def next_trial(server, rater):
    status, _, body = request(server, "GET", f"/api/trial?rater={urllib.parse.quote(rater)}")
    assert status == 200, body
    return json.loads(body)


def answer(server, rater, trial, choice="real", /, **changes):
    content = {"rater": rater, "trial": trial, "choice": choice, "milliseconds": 500.5, "shown_milliseconds": None}
    status, _, body = request(server, "POST", "/api/answers", json.dumps({**content, **changes}))
    return status, json.loads(body)


def test_page_and_pictures(make, serve):
    study = make(display_milliseconds=300)
    server = serve(study)
    for path, content_type, part in (
        ("/", "text/html", b"judge.js"), ("/judge.js", "text/javascript", b"keydown"), ("/judge.css", "text/css", b"kbd")
    ):  # fmt: skip
        status, headers, body = request(server, "GET", path)
        assert status == 200 and headers["Content-Type"].startswith(content_type) and part in body
        assert "default-src 'none'" in headers["Content-Security-Policy"]
    described = json.loads(request(server, "GET", "/api/study")[2])
    assert described["num_trials"] == 17 and described["display_milliseconds"] == 300
    name = next_trial(server, "Ada")["pictures"][0]
    status, headers, body = request(server, "GET", f"/pictures/{name}.png")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert body == study.picture_path(name).read_bytes()


def test_a_rater_goes_through_all_trials(make, serve):
    study = make("which-is-real")
    server = serve(study)
    trials = study.trials("Ada")
    for trial in trials:
        shown = next_trial(server, "  Ada ")
        assert (shown["trial"], shown["pictures"], shown["rater"]) == (trial.number, list(trial.pictures), "Ada")
        choice = "left" if trial.pictures[0] == trial.item.right else "right"
        status, following = answer(server, "Ada", trial.number, choice)
        assert status == 200 and following["trial"] == trial.number + 1
    assert following["done"] and following["pictures"] == []
    assert answer(server, "Ada", len(trials), "left")[0] == 404
    kept = AnswerStore(study.directory / ANSWERS_NAME).of("Ada")
    assert [(one.trial, one.item, one.choice) for one in kept] == [
        (trial.number, trial.item.number, trial.item.right) for trial in trials
    ]
    assert next_trial(server, "Bob")["trial"] == 0, "another rater begins at the beginning"


def test_an_answer_stands(make, serve):
    server = serve(make())
    assert answer(server, "Ada", 0, "real")[0] == 200
    status, following = answer(server, "Ada", 0, "real")  # The receipt was lost, and the page asks again.
    assert status == 200 and following["trial"] == 1
    status, error = answer(server, "Ada", 0, "fake")
    assert status == 409 and "stands" in error["error"]
    assert next_trial(server, "Ada")["trial"] == 1


def test_two_servers_of_one_study_keep_one_answer(make, serve):
    study = make()
    servers = serve(study), serve(study)
    assert [answer(server, "Ada", 0, choice)[0] for server, choice in zip(servers, ("real", "fake"))] == [200, 409]
    assert next_trial(servers[1], "Ada")["trial"] == 1


@pytest.mark.parametrize(
    "changes, status",
    [
        ({"trial": 5}, 409),  # Not its turn.
        ({"trial": 99}, 404),
        ({"trial": 10**30}, 400),
        ({"trial": -1}, 400),
        ({"trial": "0"}, 400),
        ({"trial": True}, 400),
        ({"choice": "left"}, 400),
        ({"choice": ["real"]}, 400),
        ({"rater": ""}, 400),
        ({"rater": "   "}, 400),
        ({"rater": "A" * 65}, 400),
        ({"rater": "A\u0000b"}, 400),
        ({"rater": None}, 400),
        ({"milliseconds": -1}, 400),
        ({"milliseconds": None}, 400),
        ({"milliseconds": float("nan")}, 400),
        ({"milliseconds": float("inf")}, 400),
        ({"shown_milliseconds": "long"}, 400),
        ({"extra": 1}, 400),
    ],
    ids=str,
)
def test_answers_that_are_refused_leave_nothing(make, serve, changes, status):
    server = serve(make())
    received, body = answer(server, "Ada", 0, **changes)
    assert received == status and body["error"] and next_trial(server, "Ada")["trial"] == 0


def test_bodies_that_are_no_answer(make, serve):
    server = serve(make())
    for body in (b"", b"no", b"[]", b"null", b'{"rater": "Ada"}', b"[" * 4000, b"\xff\xfe"):
        assert request(server, "POST", "/api/answers", body)[0] == 400
    assert request(server, "POST", "/api/answers", b"{}", Content_Type="text/plain")[0] == 415
    assert request(server, "POST", "/api/answers", b"x" * 5000)[0] == 413
    head = "POST /api/answers HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n"
    assert send_raw(server.port, head.encode() + b"x" * 300_000).startswith(b"HTTP/1.1 413 ")
    for half in (
        rb'{"rater": "\ud800", "trial": 0}',
        json.dumps({"rater": "\ud800", "trial": 0, "choice": "real"}).encode(),
    ):
        assert request(server, "POST", "/api/answers", half)[0] == 400
    assert answer(server, "A\ud800", 0)[0] == 400
    assert request(server, "GET", "/api/trial?rater=%ED%A0%80")[0] in (200, 400)
    assert next_trial(server, "Ada")["trial"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/../study.json",
        "/pictures/..%2fstudy.json",
        "/pictures/%2e%2e/answers.sqlite",
        "/../../../../etc/passwd",
        "//etc/passwd",
        "/study.json",
        "/answers.sqlite",
        "/judge_server.py",
        "/pictures/",
        "/pictures/00000000000000000000.png",
        "/pictures/00000000000000000000.png%00",
        "/api",
        "/api/trial/",
    ],
)
def test_nothing_else_is_served(make, serve, path):
    status, _, body = request(serve(make()), "GET", path)
    assert status == 404 and json.loads(body)["error"]


def test_methods_and_queries(make, serve):
    server = serve(make())
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert request(server, method, "/api/answers")[0] == 405
    assert request(server, "GET", "/api/answers")[0] == 404
    assert request(server, "POST", "/", b"{}")[0] == 405
    assert request(server, "GET", "/api/trial")[0] == 400
    assert request(server, "GET", "/api/trial?rater=%00")[0] == 400


def test_other_sites_are_kept_out(make, serve):
    """A page from elsewhere whose name leads to this address, and a form or script on another site."""
    server = serve(make())
    assert request(server, "GET", "/api/study", Host="evil.example")[0] == 403
    assert request(server, "GET", "/api/study", Host=f"evil.example:{server.port}")[0] == 403
    assert request(server, "GET", "/api/study", Host=f"localhost:{server.port}")[0] == 200
    assert request(server, "POST", "/api/answers", b"{}", Origin="http://evil.example")[0] == 403
    assert request(server, "POST", "/api/answers", b"{}", Origin=f"http://127.0.0.1:{server.port}")[0] == 400


def test_it_listens_on_this_machine_alone_and_a_taken_port_is_told(make, serve):
    study = make()
    server = serve(study)
    assert server.address == "127.0.0.1"
    with pytest.raises(ValueError, match=f"port {server.port}"):
        JudgeServer(study, server.port)


def test_answers_survive_a_kill(tmp_path):
    """A process that ends without any farewell right after an answer."""
    path = tmp_path / "answers.sqlite"
    program = (
        "import os, sys; from tfgan_suite.judging.answers import Answer, AnswerStore\n"
        "store = AnswerStore(sys.argv[1])\n"
        "[store.add(Answer('Ada', trial, 9 - trial, 'real', 1.5, None)) for trial in range(3)]\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, path]).returncode == -9
    store = AnswerStore(path)
    assert store.of("Ada") == [Answer("Ada", trial, 9 - trial, "real", 1.5, None) for trial in range(3)]
    assert store.add(Answer("Ada", 3, 6, "fake", 2.0, 480.0)) is None and len(store.all()) == 4
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT shown_milliseconds FROM answers WHERE trial = 3").fetchone() == (480.0,)
