from __future__ import annotations

import sys

import pytest
from helpers.sandbox.buyer import Buyer
from helpers.sandbox.processes import carrying, environment
from helpers.waiting import until

from iexec_lab.sandbox import environment as variables
from iexec_lab.sandbox.control import Sandbox
from iexec_lab.sandbox.environment import DAEMON, DOCKER, NPM, PROGRAM, SUPERVISOR, inherited

SECRETS = [
    "IEXEC_PRIVATE_KEY",
    "IEXEC_WALLET_PASSWORD",
    "PRIVATE_KEY",
    "MNEMONIC",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GITHUB_TOKEN",
    "NPM_TOKEN",
    "NODE_AUTH_TOKEN",
    "npm_config__authToken",
    "npm_config__auth",
    "npm_config__password",
    "npm_config_//registry.example/:_authToken",
    "NPM_CONFIG_TOKEN",
    "IEXEC_LAB_SECRET",
    "IEXEC_LAB_WALLET_PASSWORD",
    "PYTHON_KEYRING_PASSPHRASE",
    "XDG_SECRET",
    "LC_TOKEN",
    "DOCKER_AUTH_CONFIG",
    "DOCKER_PASSWORD",
    "SSH_AUTH_SOCK",
    "JUPYTER_TOKEN",
    "JPY_API_TOKEN",
    "OPENAI_API_KEY",
    "DATABASE_URL",
    "path",
    "PATHX",
    "HOME_TOKEN",
    "ANYTHING_ELSE",
]
GROUPS = {"program": PROGRAM, "supervisor": SUPERVISOR, "docker": DOCKER, "npm": NPM, "daemon": DAEMON}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_passes(group, secret):
    assert inherited(GROUPS[group], {secret: "s3cret", "PATH": "/bin"}) == {"PATH": "/bin"}


def test_what_programs_need_passes():
    needed = {"PATH": "/bin", "HOME": "/me", "LANG": "C", "LC_ALL": "C", "TZ": "UTC", "TMPDIR": "/tmp"}
    for group in GROUPS.values():
        assert inherited(group, needed) == needed


def test_our_own_settings_reach_the_daemon_only():
    ours = {
        "IEXEC_LAB_HOME": "/x",
        "IEXEC_LAB_PARALLEL_TASKS": "2",
        "PYTHONPATH": "/y",
        "PYTHONHASHSEED": "0",
    }
    assert inherited(DAEMON, ours) == ours
    for group in (PROGRAM, SUPERVISOR, DOCKER, NPM):
        assert inherited(group, ours) == {}


def test_npm_gets_its_settings_and_docker_its_engine():
    npm, docker = (
        {"npm_config_registry": "https://x", "HTTPS_PROXY": "http://y"},
        {"DOCKER_HOST": "unix:///z"},
    )
    assert inherited(NPM, npm | docker) == npm
    assert inherited(DOCKER, {"npm_config_registry": "https://x"} | docker) == docker
    assert inherited(DAEMON, npm | docker) == npm | docker


def test_the_real_environment_is_what_is_looked_at(monkeypatch):
    monkeypatch.setenv("LC_SOMETHING", "here")
    monkeypatch.setenv("IEXEC_PRIVATE_KEY", "s3cret")
    assert inherited(PROGRAM)["LC_SOMETHING"] == "here"
    assert "s3cret" not in inherited(DAEMON).values()


@pytest.mark.sandbox
@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_no_process_of_a_sandbox_has_a_secret(tmp_path, monkeypatch):
    mark = str(tmp_path / "state")
    for secret in SECRETS:
        monkeypatch.setenv(secret, "s3cret")
    monkeypatch.setenv("LC_SANDBOX", mark)
    with Sandbox(tmp_path / "state") as handle:
        monkeypatch.delenv("LC_SANDBOX")
        buyer = Buyer(handle)
        app = buyer.install(tmp_path / "app", "import time; time.sleep(600)")
        (task,) = buyer.tasks(buyer.match(app))
        buyer.wait_replicate(task, until=("COMPUTING",))
        assert (
            until(lambda: [word for word in KINDS if not find(mark, word)], lambda missing: not missing) == []
        )
        for pid, line in carrying(mark).items():
            found = environment(pid)
            assert "s3cret" not in "".join(found.values()), line
            assert not set(found) & set(SECRETS), line
        (pid, *_) = find(mark, "/app.py")
        others = {name for name in environment(pid) if not name.startswith("IEXEC_")}
        assert others <= {*variables.PROGRAM, *OF_APPS}


KINDS = ("sandbox.daemon", "bin/anvil", "read -r", "app_supervisor.py", "/app.py")
OF_APPS = {"XDG_CACHE_HOME", "PYTHONUSERBASE", "PYTHONUNBUFFERED", "SSL_CERT_FILE", "SSL_CERT_DIR"}


def find(mark, word):
    return [pid for pid, line in carrying(mark).items() if word in line]


def missing(mark):
    return [word for word in KINDS if not find(mark, word)]
