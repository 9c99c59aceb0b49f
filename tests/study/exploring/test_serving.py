"""The server answers this machine alone; a real browser moves a slider and draws a curve."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from pinndd.study.exploring.serving import HOST, free_port

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def served(tmp_path_factory, heat_set):
    """Run ``pinndd explore`` on a set, and give its process, port and what it said; Ctrl-C ends it."""
    path = tmp_path_factory.mktemp("explore") / "heat.npz"
    heat_set.save(path)
    port = free_port(None)
    command = [sys.executable, "-m", "pinndd", "explore", str(path), "--port", str(port), "--no-browser"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    # a shell that runs the tests in the background lets its children ignore Ctrl-C
    heed = None if os.name == "nt" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, preexec_fn=heed
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if "http://" in line:
            break
    yield process, port, said
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdout.close()


def ask(port, path="/", **headers):
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_the_address_is_printed_and_answers(served):
    _, port, said = served
    assert said == ["heat: preparing the page\n", f"open http://127.0.0.1:{port}/ (Ctrl-C ends it)\n"]
    status, body = ask(port)
    assert status == 200
    assert "pinndd explore heat" in body
    assert "cdn.bokeh.org" not in body, "the page needs no network"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no second address of their own")
def test_no_other_address_answers(served):
    # a server that listened everywhere would answer here too
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", served[1]), timeout=5)


def test_pages_of_other_origins_are_refused(served):
    handshake = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    status, _ = ask(served[1], "/ws", Origin="http://elsewhere.example", **handshake)
    assert status == 403


def test_a_port_that_is_taken_or_none_is_refused(served):
    port = served[1]
    with pytest.raises(ValueError, match=rf"--port {port}: it cannot be used \(.*\); choose another, or leave it out"):
        free_port(port)
    with pytest.raises(ValueError, match="--port 70000: expected a number between 1 and 65535"):
        free_port(70000)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: apt-get install chromium")
def test_a_slider_moved_in_a_browser_changes_the_picture(served, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser: pip install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 850})
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"http://127.0.0.1:{served[1]}/")
        errors = page.get_by_text(re.compile("error against the reference [0-9.]+ %"))
        errors.wait_for(timeout=60_000)
        # the map, between curve and toolbar
        field = {"x": 450, "y": 210, "width": 340, "height": 300}
        first = page.screenshot(clip=field)
        assert page.screenshot(clip=field) == first, "nothing moves by itself"
        handle = page.locator(".noUi-handle").first
        box = handle.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for step in range(10):
            page.mouse.move(x - 12 * step, y)
        page.mouse.up()
        second = settled(page, field, first)
        assert second != first
        page.get_by_text("draw a curve").first.click()
        page.mouse.move(350, 300)
        page.mouse.click(250, 250)
        third = settled(page, field, second)
        assert third != second
        page.screenshot(path=tmp_path / "page.png")
        assert problems == []
        browser.close()


def settled(page, clip, before):
    """Take a picture once it differs from an earlier one and stays as it is."""
    last = before
    for _ in range(100):
        time.sleep(0.2)
        now = page.screenshot(clip=clip)
        if now == last and now != before:
            return now
        last = now
    return last


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent another way there")
def test_ctrl_c_ends_it_with_a_sentence(served):
    process, port, _ = served
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert rest.endswith("stopped; the page is closed, nothing was written\n")
    assert process.wait(timeout=20) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)
