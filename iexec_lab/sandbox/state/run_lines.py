"""What the RUN lines of a Dockerfile would have done: they are read, never carried out."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from posixpath import join, normpath

from iexec_lab.sandbox.state.dockerfile import json_list

_SEPARATORS = {"&", "|", ";", "\n", "(", ")", "{", "}"}
_SETTING = re.compile(r"[A-Za-z_]\w*=")
_PIP = re.compile(r"pip(\d(\.\d+)?)?")
_PYTHON = re.compile(r"python(\d(\.\d+)?)?")
_OF_NO_INTEREST = {
    *(
        "addgroup",
        "adduser",
        "apk-update",
        "cd",
        "chgrp",
        "chown",
        "echo",
        "exit",
        "export",
        "groupadd",
        "ls",
    ),
    *("rm", "set", "true", "umask", "useradd", "update-ca-certificates", "ldconfig", "chmod", "mkdir"),
    *("python", "python3", "[", "test", "date", "pwd", "id", "sh"),
}
_TIDYING = (["cache"], ["clean"], ["config"], ["prune"], ["update"])
"""Verbs of package managers."""
_SYSTEM = {"apt-get", "apt", "apk", "yum", "dnf", "microdnf", "zypper"}
_KEEPS_VALUE = {"-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host"}
_DROPS_VALUE = {"-t", "--target", "--prefix", "--root", "--cache-dir", "--platform", "--timeout", "--retries"}


@dataclass(frozen=True, slots=True)
class Install:
    """Packages that a RUN line wants: ``tool`` pip or npm, in the container's ``folder``.

    ``words`` are package names and options; ``files`` the requirement files named, as paths of the container.
    """

    tool: str
    folder: str
    words: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(slots=True)
class Done:
    """What RUN lines come to."""

    installs: list[Install]
    executable: list[str]
    folders: list[str]
    system: list[str]
    others: list[str]


def commands(text: str) -> list[list[str]]:
    """The simple commands of a shell's text, as words; what can not be read is left out."""
    found: list[list[str]] = [[]]
    lexer = shlex.shlex(text, posix=True, punctuation_chars="&|;()<>")
    lexer.whitespace = " \t"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        for word in lexer:
            if set(word) <= _SEPARATORS:
                found.append([])
            else:
                found[-1].extend(part for part in word.split("\n") if part)
    except ValueError:
        return []
    stripped = [_without_settings(words) for words in found]
    return [words for words in stripped if words]


def _without_settings(words: list[str]) -> list[str]:
    at = 0
    while at < len(words) and (_SETTING.match(words[at]) or words[at] in {"sudo", "exec", "then", "do", "!"}):
        at += 1
    return words[at:]


def look(text: str, folder: str, done: Done) -> None:
    """Add what one RUN line, in ``folder``, would have done."""
    listed = json_list(text)
    for words in commands(text) if listed is None else [listed]:
        name, rest = words[0].rpartition("/")[2], words[1:]
        if name == "cd" and rest:
            folder = normpath(join(folder, rest[0]))
        elif name == "mkdir":
            done.folders += [normpath(join(folder, word)) for word in rest if not word.startswith("-")]
        elif name == "chmod":
            done.executable += _made_executable(rest, folder)
        elif install := _install(name, rest, folder):
            done.installs.append(install)
        elif name in _SYSTEM:
            done.system += _packages(rest)
        elif name not in _OF_NO_INTEREST and rest[:1] not in _TIDYING:
            done.others.append(" ".join(words))


def _made_executable(words: list[str], folder: str) -> list[str]:
    plain = [word for word in words if not word.startswith("-") or word == "-x"]
    mode, paths = (plain[0], plain[1:]) if plain else ("", [])
    octal = mode.isdigit() and any(int(digit) & 1 for digit in mode[-3:] if digit.isdecimal())
    if octal or ("+" in mode and "x" in mode.partition("+")[2]) or "=rwx" in mode:
        return [normpath(join(folder, path)) for path in paths]
    return []


def _install(name: str, words: list[str], folder: str) -> Install | None:
    if _PYTHON.fullmatch(name) and words[:2] == ["-m", "pip"]:
        name, words = "pip", words[2:]
    if name == "uv" and words[:1] == ["pip"]:
        name, words = "pip", words[1:]
    if _PIP.fullmatch(name) and "install" in words:
        return _pip(words[words.index("install") + 1 :], folder)
    if name == "yarn" and (not words or words[0] in {"install", "--frozen-lockfile", "--production"}):
        return Install("npm", folder)
    if name in {"npm", "pnpm", "yarn"} and words[:1] and words[0] in {"ci", "install", "i", "add"}:
        return Install("npm", folder, tuple(word for word in words[1:] if not word.startswith("-")))
    return None


def _pip(words: list[str], folder: str) -> Install:
    kept: list[str] = []
    files: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in {"-r", "--requirement"}:
            files.append(normpath(join(folder, next(rest, ""))))
        elif word.startswith(("-r", "--requirement=")):
            files.append(normpath(join(folder, word.removeprefix("--requirement=").removeprefix("-r"))))
        elif word in _KEEPS_VALUE:
            kept += [word, next(rest, "")]
        elif word in _DROPS_VALUE:
            next(rest, "")
        elif _is_wanted(word):
            kept.append(word)
    return Install("pip", folder, tuple(kept), tuple(files))


def _is_wanted(word: str) -> bool:
    if word.startswith(("-", ".", "/", "$")):
        return word == "--pre" or word.startswith(tuple(f"{option}=" for option in _KEEPS_VALUE))
    return word not in {"pip", "setuptools", "wheel"}


def _packages(words: list[str]) -> list[str]:
    verbs = [word for word in words if not word.startswith("-")]
    if not verbs or verbs[0] not in {"install", "add", "in"}:
        return []
    return verbs[1:]
