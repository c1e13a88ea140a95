# ruff: noqa: SLF001 -- ipykernel has no public way
"""Serve the messages of one widget while its cell still runs.

A kernel works through messages one after the other, so what a page sends would wait for the very cell that
waits for it. There is no public way around that: this reads the queue of the shell that runs the cell, serves
what the widget's page sent and puts everything else back in its order. Runs on ipykernel 6.29 to 7.4.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_TICK = 0.05


class _Queue(NamedTuple):
    """Where a shell's messages come in, how to put one back, and how to make the shell look again."""

    socket: Any
    put_back: Callable[[Any], object]
    wake: Callable[[], object]


def serve(comm_ids: Collection[str], done: Callable[[], bool], seconds: float) -> bool:
    """Wait until ``done()`` while messages of those comms are handled; False when it took longer.

    Outside a kernel, or in a thread that is no shell's, messages are left to others and this only waits.
    """
    kernel, queue = _own_queue()
    until = time.monotonic() + seconds
    later: list[Any] = []
    try:
        while not done() and time.monotonic() < until:
            if queue is None:
                time.sleep(_TICK)
            elif queue.socket.poll(_TICK * 1000):
                frames = queue.socket.recv_multipart(copy=False)
                if not _handled(kernel, frames, comm_ids):
                    later.append(frames)
    finally:
        if queue is not None:
            for frames in later:
                queue.put_back(frames)
            queue.wake()
    return done()


def is_unattended() -> bool:
    """Whether a program runs this cell, as papermill, nbconvert and Voilà do: there is no page yet."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    try:
        request = kernel.get_parent("shell")  # type: ignore[union-attr]
        is_a_cell = request["header"]["msg_type"] == "execute_request"
        return is_a_cell and request["content"].get("allow_stdin") is False
    except (AttributeError, KeyError, TypeError):  # no kernel, or another one than ipykernel
        return False


def can_serve() -> bool:
    """Whether messages reach ``serve`` here: in a shell's own thread, on a known ipykernel."""
    return _own_queue()[1] is not None


def _own_queue() -> tuple[Any, _Queue | None]:
    """The kernel, and the queue of the shell that runs in this thread."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    queue = None
    if kernel is not None:
        with suppress(AttributeError):  # a later ipykernel, which may do without our help
            queue = _queue(kernel)
    return kernel, queue


def _queue(kernel: Any) -> _Queue | None:
    """The queue of the shell whose cell runs in this thread."""
    thread = threading.current_thread()
    shells = getattr(kernel, "shell_channel_thread", None)
    if shells is None:  # ipykernel 6, or 7 without subshells
        if thread is not threading.main_thread():
            return None
        loop, stream = kernel.io_loop, kernel.shell_stream
        schedule = getattr(kernel, "schedule_dispatch", None)
        return _Queue(
            stream.socket,
            lambda frames: (
                schedule(kernel.dispatch_shell, frames)
                if schedule
                else loop.add_callback(kernel.shell_main, None, frames)
            ),
            lambda: loop.add_callback(stream._handle_events, stream.socket, 0),
        )
    manager = shells.manager
    if thread is threading.main_thread():
        pair, subshell, loop = manager._shell_channel_to_main, None, kernel.io_loop
    else:
        subshell = next((name for name, each in manager._cache.items() if each is thread), None)
        if subshell is None:
            return None
        pair, loop = manager.get_shell_channel_to_subshell_pair(subshell), thread.io_loop  # type: ignore[attr-defined]
    stream = getattr(pair, "to_stream", None)
    return _Queue(
        pair.to_socket,
        lambda frames: loop.add_callback(kernel.shell_main, subshell, frames),
        lambda: stream and loop.add_callback(stream._handle_events, stream.socket, 0),
    )


def _handled(kernel: Any, frames: Any, comm_ids: Collection[str]) -> bool:
    """Handle a message if it is from one of the comms; others are only looked at."""
    session = kernel.session
    identity, rest = session.feed_identities(frames, copy=False)
    try:
        header = session.deserialize(rest, content=False, copy=False)
        kind = header["header"]["msg_type"]
        if (
            kind not in {"comm_msg", "comm_close"}
            or session.unpack(header["content"])["comm_id"] not in comm_ids
        ):
            return False
    except (KeyError, TypeError, ValueError):  # the kernel will say what is wrong with it
        return False
    message = session.deserialize(rest, content=True, copy=False)
    parent = kernel.get_parent("shell")
    parent_identity = kernel._parent_ident["shell"] if hasattr(kernel, "_parent_ident") else identity
    kernel.set_parent(identity, message, channel="shell")
    kernel._publish_status("busy", "shell")
    try:
        kernel.shell_handlers[kind](None, identity, message)
    finally:
        kernel._publish_status("idle", "shell")
        kernel.set_parent(parent_identity, parent, channel="shell")
    return True
