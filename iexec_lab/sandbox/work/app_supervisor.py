# ruff: noqa: PTH102, PTH103, PTH115, PTH123, PTH208, PTH211 -- pathlib is slow to import
"""The parent of every app: starts it, keeps the end of its output, leaves nothing of it behind.

Runs as a script of its own (``python -I -S app_supervisor.py``), so that the sandbox's event loop never
touches an app's output. Its stdin is a Unix socket on which each message carries another one, for one app; a
fork of this process becomes that app's own supervisor: the parent of the whole process tree, which outlives
it. On its socket the supervisor is sent one line of JSON:

    argv, env, cwd      what to run
    limit               seconds of wall clock, or null
    stdout, stderr      files for the last ``KEEP`` bytes of each stream
    root                an empty folder to build a private root in, or null for the plain file system
    binds               [[folder, path inside]] shown at that path of the private root, writable
    layers              [[folder, path inside]] shown there with writes thrown away; over what the machine
                        has at that path, if it has a folder there; a file or a link only in the root
    on_kill             a command to run when the app is killed, or null
    disk                [folder, bytes]: the app is killed when its disk has less left

and answers with one line: ``exit_code``, ``timed_out``, ``disk_full``, ``error``. When the other end of the
socket is closed for writing, the sandbox has gone or wants the app gone, and everything is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import socket
import sys
import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

KEEP = 400_000  # bytes; 100,000 characters of at most four bytes
CHUNK = 1 << 20
DRAIN_SECONDS = 2.0
KILL_SECONDS = 10.0
DISK_SECONDS = 0.05  # between looks at what is left of the disk
EXEC_FAILED = 127

# linux/prctl.h, linux/sched.h, linux/mount.h
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
MS_RDONLY = 1
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18


class Tail:
    """The last bytes of a stream, and a file for them that has its place on the disk from the start."""

    def __init__(self, path: str) -> None:
        self.chunks: deque[bytes] = deque()
        self.size = 0
        self.file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # not every file system can
                os.posix_fallocate(self.file, 0, KEEP)

    def feed(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.size += len(chunk)
        while self.size - len(self.chunks[0]) >= KEEP:
            self.size -= len(self.chunks.popleft())

    def save(self) -> None:
        kept = b"".join(self.chunks)[-KEEP:]
        with open(self.file, "wb") as file:
            file.write(kept)
            file.truncate()


def libc() -> Any:
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def checked(result: int, what: str) -> None:
    if result == -1:
        import ctypes

        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    answer = libc().mount(source.encode(), target.encode(), kind.encode(), flags, options.encode())
    checked(answer, f"mount {target}")


def enter_namespace() -> None:
    """A mount namespace of our own; an ordinary user needs a user namespace around it (same uid, gid)."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0 and libc().unshare(CLONE_NEWNS) == 0:
        return
    checked(libc().unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def place(root: str, path: str) -> str:
    target = root + path
    os.makedirs(target, exist_ok=True)
    return target


def build_root(root: str, binds: list[list[str]], layers: list[list[str]]) -> None:
    """Show the whole file system again under ``root``, with the task's folders at their contract paths."""
    enter_namespace()
    mount("none", "/", "", MS_REC | MS_PRIVATE)
    mount("tmpfs", root, "tmpfs", 0, "mode=755")
    added = [path for _, path in layers if not is_shown(path)]
    taken = {path.split("/")[1] for path in [path for _, path in binds] + added}
    for entry in os.scandir("/"):
        target = root + entry.path
        if entry.name in taken:
            continue
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
        elif entry.is_dir():
            os.mkdir(target)
            with contextlib.suppress(
                OSError
            ):  # a folder that can not be shown again is not the app's business
                mount(entry.path, target, "", MS_BIND | MS_REC)
    for folder, path in binds:
        mount(folder, place(root, path), "", MS_BIND | MS_REC)
    for number, (folder, path) in enumerate(layers):
        if path in added:
            show_layer(root, folder, path, number)
        else:
            show_layer_over(root, folder, path, number)
    os.chroot(root)


def is_shown(path: str) -> bool:
    """True for a folder of the machine that the app could look into, which is not to be hidden from it."""
    return os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK)  # noqa: PTH112


def show_layer(root: str, folder: str, path: str, number: int) -> None:
    """A folder that the app may write to without changing it; read-only where overlays fail."""
    if os.path.islink(folder):  # noqa: PTH114
        os.symlink(os.readlink(folder), root + path)
        return
    if os.path.isfile(folder):  # noqa: PTH113
        os.close(os.open(root + path, os.O_CREAT | os.O_WRONLY, 0o644))
    else:
        target = place(root, path)
        with contextlib.suppress(OSError):
            overlay(root, [folder], target, number)
            return
    mount(folder, root + path, "", MS_BIND)
    with contextlib.suppress(OSError):
        mount("none", root + path, "", MS_BIND | MS_REMOUNT | MS_RDONLY)


def show_layer_over(root: str, folder: str, path: str, number: int) -> None:
    """What is in a folder, over what the machine has at that path; mounts below it are shown again."""
    with open("/proc/self/mountinfo") as file:
        points = [line.split()[4] for line in file]
    overlay(root, [folder, path], root + path, number)
    for point in points:
        if point.startswith(path + "/") and not point.startswith(root):
            with contextlib.suppress(OSError):  # nor is what can not be shown again
                mount(point, root + point, "", MS_BIND | MS_REC)


def overlay(root: str, lowest: list[str], target: str, number: int) -> None:
    """Mount folders over each other, the first one on top, what is written going to the root's own memory."""
    if set("".join(lowest)) & set(":,\\"):
        raise OSError(f"no overlay for {lowest}")
    upper, work = place(root, f"/.layer/{number}/upper"), place(root, f"/.layer/{number}/work")
    options = f"lowerdir={':'.join(lowest)},upperdir={upper},workdir={work},userxattr"
    mount("overlay", target, "overlay", 0, options)


def become_app(spec: dict[str, Any], streams: tuple[int, int], report: int) -> NoReturn:
    """In the forked child: set the stage, then be the app. ``report`` gets the reason when that fails."""
    try:
        os.setsid()
        if sys.platform == "linux":
            libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # should the supervisor be killed
        if spec["root"]:
            build_root(spec["root"], spec["binds"], spec["layers"])
        os.chdir(spec["cwd"])
        null = os.open(os.devnull, os.O_RDONLY)
        for source, number in zip((null, *streams), (0, 1, 2), strict=True):
            os.dup2(source, number)
        for name in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, signal.SIG_DFL)
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606
    except (OSError, ValueError) as failure:  # ValueError: a zero byte in an argument
        os.write(report, str(failure).encode())
    finally:
        os._exit(EXEC_FAILED)


def parents() -> dict[int, int]:
    """Parent of every process of the machine."""
    found = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as file:
            found[int(name)] = int(file.read().rpartition(")")[2].split()[1])
    return found


def descendants() -> list[int]:
    parent_of, family = parents(), {os.getpid()}
    while more := {pid for pid, parent in parent_of.items() if parent in family} - family:
        family |= more
    return sorted(family - {os.getpid()})


def kill_all(child: int, statuses: dict[int, int]) -> None:
    """End the app and every process it left behind, whatever session they moved to.

    As their subreaper we inherit orphans, so "no child left" means that nothing is left.
    """
    end = time.monotonic() + KILL_SECONDS
    while not reap(statuses) and time.monotonic() < end:
        if sys.platform != "linux":  # neither subreaper nor /proc: the process group is all we can name
            send(signal.SIGKILL, -child)
        else:
            family = descendants()
            for name in (signal.SIGSTOP, signal.SIGKILL):  # all stopped first, so that none forks meanwhile
                for pid in family:
                    send(name, pid)
        time.sleep(0.002)


def send(name: signal.Signals, pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, name)


def reap(statuses: dict[int, int]) -> bool:
    """Collect ended children; True when none is left."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
        statuses[pid] = os.waitstatus_to_exitcode(status)


def pump(sources: dict[int, Tail], ready: list[int]) -> None:
    for number in ready:
        if number not in sources:
            continue
        chunk = os.read(number, CHUNK)
        if chunk:
            sources[number].feed(chunk)
        else:
            del sources[number]
            os.close(number)


def drain(sources: dict[int, Tail]) -> None:
    end = time.monotonic() + DRAIN_SECONDS
    while sources and time.monotonic() < end:
        ready = select.select(list(sources), [], [], 0.05)[0]
        pump(sources, ready)


def is_full(disk: list[Any]) -> bool:
    folder, least = disk
    about = os.statvfs(folder)
    return bool(about.f_bavail * about.f_frsize < least)


def watch(
    child: int, spec: dict[str, Any], wake: int, sources: dict[int, Tail]
) -> tuple[int | None, bool, bool]:
    """Wait for the app's end, its limits, or the sandbox's end.

    The exit status, whether time ran out, and whether the disk did.
    """
    statuses: dict[int, int] = {}
    limit, disk = spec["limit"], spec["disk"]
    end = None if limit is None else time.monotonic() + limit
    timed_out = disk_full = False
    while child not in statuses:
        wait = None if end is None else max(0.0, end - time.monotonic())
        if disk:
            wait = DISK_SECONDS if wait is None else min(wait, DISK_SECONDS)
        ready = select.select([0, wake, *sources], [], [], wait)[0]
        if not ready and end is not None and time.monotonic() >= end:
            timed_out = True
            break
        if disk and is_full(disk):
            disk_full = True
            break
        if 0 in ready and not os.read(0, CHUNK):
            break
        if wake in ready:
            os.read(wake, CHUNK)
            reap(statuses)
        pump(sources, ready)
    kill_all(child, statuses)
    drain(sources)
    return statuses.get(child), timed_out, disk_full


def wake_pipe() -> int:
    """A descriptor that becomes readable when a child ends."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return read_end


def wide_pipe() -> tuple[int, int]:
    """A pipe that an app which prints a gigabyte does not wait for."""
    ends = os.pipe()
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(ends[0], fcntl.F_SETPIPE_SZ, CHUNK)
    return ends


def run(spec: dict[str, Any]) -> dict[str, Any]:
    if sys.platform == "linux":
        libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake = wake_pipe()
    tails = {"stdout": Tail(spec["stdout"]), "stderr": Tail(spec["stderr"])}
    (out, out_end), (err, err_end), (report, report_end) = wide_pipe(), wide_pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        become_app(spec, (out_end, err_end), report_end)
    for number in (out_end, err_end, report_end):
        os.close(number)
    sources = {out: tails["stdout"], err: tails["stderr"]}
    status, timed_out, disk_full = watch(child, spec, wake, sources)
    for tail in tails.values():
        tail.save()
    error = os.read(report, CHUNK).decode(errors="replace") or None
    killed = status is None or status < 0
    if killed and spec["on_kill"]:
        os.spawnvp(os.P_WAIT, spec["on_kill"][0], spec["on_kill"])  # noqa: S606
    exit_code = None if status is None else 128 - status if status < 0 else status
    return {"exit_code": exit_code, "timed_out": timed_out, "disk_full": disk_full, "error": error}


def read_line() -> bytes:
    """The first line of stdin, unbuffered: select must see what comes after it."""
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, CHUNK)
        if not chunk:
            os._exit(1)
        line += chunk
    return line


def supervise(connection: int) -> NoReturn:
    """In a fork: run one app for the other end of ``connection``."""
    try:
        os.dup2(connection, 0)  # the listening socket, which was there, is not for supervisors
        os.close(connection)
        os.write(0, json.dumps(run(json.loads(read_line()))).encode() + b"\n")
    except BaseException as failure:  # noqa: BLE001 - the process ends here, and this is its last word
        answer = {"exit_code": None, "timed_out": False, "disk_full": False, "error": repr(failure)}
        os.write(0, json.dumps(answer).encode())
    finally:
        os._exit(0)


def serve() -> None:
    """Fork a supervisor for every connection that is handed over, until there is nobody to hand one over."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the sandbox's to handle
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # supervisors are not waited for
    libc()
    with socket.socket(fileno=os.dup(0)) as listener:
        while True:
            _, connections, _, _ = socket.recv_fds(listener, 1, 1)
            if not connections:
                return
            if os.fork() == 0:
                listener.close()
                supervise(connections[0])
            os.close(connections[0])


if __name__ == "__main__":
    serve()
