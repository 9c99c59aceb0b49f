"""Serve the page of `pinndd explore` to browsers of this machine, and to nobody else."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server

from pinndd.study.exploring.frames import Frames
from pinndd.study.exploring.page import Page
from pinndd.study.exploring.schedule import InBrowser

HOST = "127.0.0.1"
"""The address that only this machine reaches."""


def free_port(wanted: int | None) -> int:
    """Return a port that nobody listens on: the wanted one, or any.

    Raises:
        ValueError: it is no port, or it is taken.
    """
    if wanted is not None and not 1 <= wanted <= 65535:
        raise ValueError(f"--port {wanted}: expected a number between 1 and 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OSError as error:
            raise ValueError(
                f"--port {wanted}: it cannot be used ({error.strerror}); choose another, or leave it out"
            ) from error
        return int(probe.getsockname()[1])


def server_of(frames: Frames, port: int) -> Server:
    """Return the server of the page, which listens on this machine alone.

    Args:
        frames: computes the fields.
        port: to listen on.
    """
    executor = ThreadPoolExecutor(1)

    def open_page(document: Document) -> None:
        document.title = f"pinndd explore {frames.pde.name}"
        document.add_root(Page(frames, InBrowser(document, executor)).root)

    application = Application(FunctionHandler(open_page))
    return Server(
        {"/": application}, address=HOST, port=port, allow_websocket_origin=[f"{HOST}:{port}", f"localhost:{port}"]
    )


def serve(frames: Frames, port: int, *, browser: bool, ready: Callable[[str], None]) -> None:
    """Serve the page until it is interrupted.

    Args:
        frames: computes the fields.
        port: to listen on.
        browser: whether to open it in a browser.
        ready: called with the address once the page can be opened.
    """
    server = server_of(frames, port)
    server.start()
    ready(f"http://{HOST}:{port}/")
    if browser:
        server.io_loop.add_callback(server.show, "/")
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        return
    finally:
        server.stop()
