"""What a Dockerfile makes of a folder: the public kinds of apps, and what Docker's rules say of each line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from iexec_lab.errors import ValidationError
from iexec_lab.sandbox.state.apps import Apps
from iexec_lab.sandbox.state.recipe import recipe_of

SCRIPT = "#!/bin/sh\n"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "the app"
    path.mkdir()
    return path


def fill(folder, dockerfile, *names, at="Dockerfile"):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SCRIPT if name.endswith(".sh") else "")
    (folder / at).parent.mkdir(exist_ok=True)
    (folder / at).write_text(dockerfile)
    return folder


def added(tmp_path, folder, *arguments, **options):
    app = Apps(tmp_path / "register").add("me/app", folder, **options)
    launch = app.launch("/app", list(arguments))
    return [word.replace(sys.executable, "PYTHON") for word in launch.argv], launch.recipe


APPS = [
    (
        """\
FROM python:3.7-alpine3.10
RUN pip3 install eth_abi
COPY ./src /app
ENTRYPOINT ["python3", "/app/app.py"]
""",
        ["src/app.py"],
        ["a", "b c"],
        ["PYTHON", "/app/app.py", "a", "b c"],
        "/",
    ),
    (
        """\
FROM python:3.13.3-alpine3.21
WORKDIR /app
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY . .
ENTRYPOINT ["python3", "/app/src/app.py"]
""",
        ["src/app.py", "requirements.txt"],
        [],
        ["PYTHON", "/app/src/app.py"],
        "/app",
    ),
    (
        """\
FROM python
COPY factorial.py /factorial.py
RUN chmod +x /factorial.py
ENTRYPOINT ["./factorial.py"]
""",
        ["factorial.py"],
        ["5"],
        ["PYTHON", "/factorial.py", "5"],
        "/",
    ),
    (
        """\
FROM node:11-alpine
COPY feed.js /src/feed.js
COPY entrypoint.sh /entrypoint.sh
RUN chmod 755 /entrypoint.sh
ENTRYPOINT ["/entrypoint.sh"]
CMD ["default"]
""",
        ["feed.js", "entrypoint.sh"],
        [],
        ["/entrypoint.sh", "default"],
        "/",
    ),
    (
        """\
FROM alpine
COPY --chmod=755 go.sh /usr/local/bin/go
ENTRYPOINT ["go"]
CMD ["default"]
""",
        ["go.sh"],
        ["given"],
        ["/usr/local/bin/go", "given"],
        "/",
    ),
    (
        """\
FROM x
WORKDIR srv
WORKDIR nested/
COPY ["my app.py", "app.py"]
CMD python3.4 app.py
""",
        ["my app.py"],
        [],
        ["/bin/sh", "-c", "PYTHON app.py"],
        "/srv/nested",
    ),
    (
        """\
FROM x
COPY app.py .
CMD ["python", "app.py"]
""",
        ["app.py"],
        ["echo", "x"],
        ["/bin/echo", "x"],
        "/",
    ),
    (
        """\
FROM x
SHELL ["/bin/bash", "-ec"]
COPY app.py /
ENTRYPOINT exec /usr/bin/python3 /app.py $A
""",
        ["app.py"],
        ["more"],
        ["/bin/bash", "-ec", "exec PYTHON /app.py $A", "more"],
        "/",
    ),
    (
        """\
FROM x
COPY app.py /
ENTRYPOINT ["/usr/bin/tini", "-s", "--", "gosu", "nobody", "python3", "/app.py"]
""",
        ["app.py"],
        [],
        ["PYTHON", "/app.py"],
        "/",
    ),
    (
        """\
FROM iexechub/iexec-gramine-base:0.10.0
ARG SOURCE_DIR=src
COPY $SOURCE_DIR/app.py /workplace/app
WORKDIR /workplace/app
RUN /finalize-app.sh
""",
        ["src/app.py"],
        ["x"],
        ["PYTHON", "/workplace/app/app.py", "x"],
        "/workplace/app",
    ),
    (
        """\
FROM x AS Build
WORKDIR /b
COPY . .
RUN make
ENTRYPOINT ["no"]
FROM build AS more
ENV A=1
FROM y
COPY --from=more /b/out /app
ENTRYPOINT ["python", "-u", "/app/app.py"]
""",
        ["out/app.py"],
        [],
        ["PYTHON", "-u", "/app/app.py"],
        "/",
    ),
    (
        """\
FROM x AS a
WORKDIR /a
COPY app.py ./
CMD ["python3", "app.py"]
FROM a
""",
        ["app.py"],
        [],
        ["PYTHON", "app.py"],
        "/a",
    ),
    (
        """\
FROM x
COPY <<EOF /app.py
print(1)
EOF
ENTRYPOINT ["python3", "/app.py"]
""",
        [],
        [],
        ["PYTHON", "/app.py"],
        "/",
    ),
    (
        """\
FROM x
ADD *.py config?.txt /app/
WORKDIR /app
ENTRYPOINT ["python3", "-m", "main"]
""",
        ["main.py", "config1.txt"],
        [],
        ["PYTHON", "-m", "main"],
        "/app",
    ),
]
"""Dockerfile, files of the folder, arguments; command and folder that come of it."""


@pytest.mark.parametrize(("dockerfile", "names", "arguments", "argv", "cwd"), APPS)
def test_what_is_run(tmp_path, folder, dockerfile, names, arguments, argv, cwd):
    found, recipe = added(tmp_path, fill(folder, dockerfile, *names), *arguments)
    if argv[0] == "/bin/echo":
        argv = [found[0], *argv[1:]]
        assert found[0].endswith("/echo")
    assert found == argv
    assert recipe.folder == cwd


@pytest.mark.parametrize(
    ("lines", "environment"),
    [
        ("ENV A=1 B=$A\nENV B=$A", {"A": "1", "B": "1"}),
        ("ARG V=2\nENV A=${V}\nENV V2=$V", {"A": "2", "V2": "2"}),
        ("ENV A old form\nENV A=new", {"A": "new"}),
        ("ARG TARGETARCH\nENV A=$TOP-${OUTER:-none}", {"A": "-none"}),
        ("ARG OUTER\nENV A=$OUTER", {"A": "outside"}),
        ("ENV PATH=/x:$PATH", {"PATH": "/x:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}),
    ],
)
def test_env(folder, lines, environment):
    fill(folder, f"ARG OUTER=outside\nFROM x\n{lines}\nCMD true")
    assert recipe_of(folder, folder / "Dockerfile").environment == environment


@pytest.mark.parametrize(
    ("copy", "found", "not_found"),
    [
        ("COPY a.txt /x", "/x", "/x/a.txt"),
        ("COPY a.txt /x/", "/x/a.txt", "/x"),
        ("COPY a.txt b/c.txt /x", "/x/c.txt", "/x/b/c.txt"),
        ("COPY b /x", "/x/c.txt", "/x/b/c.txt"),
        ("COPY b/ /x/", "/x/c.txt", "/x/b"),
        ("COPY /b/c.txt /y", "/y", "/c.txt"),
        ("COPY ../b/c.txt /y", "/y", "/c.txt"),
        ("WORKDIR /w\nCOPY . .", "/w/b/c.txt", "/b/c.txt"),
        ("WORKDIR /w\nCOPY a.txt /w", "/w/a.txt", "/w"),
        ("COPY a.txt /late\nWORKDIR /late", "/late/a.txt", "/late"),
        ("RUN mkdir -p /made && true\nCOPY a.txt /made", "/made/a.txt", "/made"),
        ("COPY a.txt /usr/local/bin", "/usr/local/bin/a.txt", "/usr/local/bin"),
        ("ENV D=/d\nCOPY a.txt ${D}/${E:-e}.txt", "/d/e.txt", "/d/a.txt"),
        ("COPY . /x", "/x/a.txt", "/x/secret.key"),
        ("COPY . /x", "/x/b/c.txt", "/x/node_modules/m.js"),
        ("COPY . /x", "/x/kept.log", "/x/other.log"),
    ],
)
def test_copy(folder, copy, found, not_found):
    names = ("a.txt", "b/c.txt", "secret.key", "node_modules/m.js", "kept.log", "other.log")
    fill(folder, f"FROM x\n{copy}\nCMD true", *names)
    (folder / ".dockerignore").write_text("# a comment\n**/*.key\nnode_modules/\n/*.log\n!kept.log\n")
    recipe = recipe_of(folder, folder / "Dockerfile")
    assert recipe.find(found)
    there = recipe.find(not_found)
    assert there is None or there.is_dir()


@pytest.mark.parametrize(
    ("dockerfile", "names", "says"),
    [
        ('FROM x\nENTRYPOINT ["/application.sh"]', [], "neither in the folder nor on this machine"),
        ('FROM x\nENTRYPOINT ["no-such-program-here"]', [], "perhaps in the image x, which is not run here"),
        ("FROM x\nENTRYPOINT ['python3', 'app.py']", ["app.py"], "is no JSON list"),
        ('FROM x\nENTRYPOINT ["python3", "/app/app.py"]', ["app.py"], "/app/app.py.*is not copied from"),
        ("FROM x\nRUN make\nCMD node dist/app.js", [], "/dist/app.js.*is not copied from"),
        ('FROM x\nCOPY a.sh /\nENTRYPOINT ["/a.sh"]', ["a.sh"], "/a.sh of the Dockerfile is not executable"),
        ("FROM x\nRUN pip install x", [], "nothing to run"),
        ("CMD python app.py", ["app.py"], "has no FROM"),
    ],
)
def test_what_can_not_be_run_is_told_when_it_is_added(tmp_path, folder, dockerfile, names, says):
    fill(folder, dockerfile, *names)
    with pytest.raises(ValidationError, match=says) as caught:
        Apps(tmp_path / "register").add("me/app", folder)
    assert caught.value.hint
    assert Apps(tmp_path / "register").list() == []


@pytest.mark.parametrize(
    ("first", "says"),
    [
        ("echo hi\n", "does not say which program runs it"),
        ("#!/bin/sh\r\necho hi\r\n", "end as in Windows"),
        ("#!/usr/bin/no-such-program\n", "no-such-program of the first line"),
        ("#!/usr/bin/env -S no-such-program\n", "no-such-program of the first line"),
    ],
)
@pytest.mark.parametrize("dockerfile", [None, 'FROM x\nCOPY --chmod=755 run /\nENTRYPOINT ["/run"]'])
def test_a_script_that_nothing_can_start(tmp_path, folder, first, says, dockerfile):
    (folder / "run").write_bytes(first.encode())
    (folder / "run").chmod(0o755)
    if dockerfile:
        (folder / "Dockerfile").write_text(dockerfile)
    with pytest.raises(ValidationError, match=says):
        Apps(tmp_path / "register").add("me/app", folder)


def test_what_is_not_as_in_the_image_is_noted(tmp_path, folder):
    dockerfile = (
        "FROM python:2.7\nRUN apt-get update && apt-get install -y --fix-missing libmpeg-x libzip-x sh \\\n"
        " && rm -rf /var/lib/apt/lists/*\nRUN pip install requests && npm run build\nCOPY app.py /\n"
        "CMD python /app.py"
    )
    notes = " ".join(Apps(tmp_path / "register").add("me/app", fill(folder, dockerfile, "app.py")).notes())
    assert "System packages of its image are not installed here: libmpeg-x, libzip-x." in notes
    assert "RUN is not carried out here: npm run build." in notes
    assert "add --install" in notes
    assert "CMD and no ENTRYPOINT" in notes
    assert "not by Python 2.7" in notes


def test_arguments_that_take_the_place_of_a_command(tmp_path, folder):
    app = Apps(tmp_path / "register").add("me/app", fill(folder, "FROM x\nCMD true"))
    with pytest.raises(
        ValidationError, match=r"no-such-word.*took the place of the Dockerfile's CMD"
    ) as caught:
        app.launch("/app", ["no-such-word"])
    assert caught.value.hint == "Make its CMD an ENTRYPOINT."


def test_packages_that_are_not_installed_are_noted(tmp_path, folder):
    (folder / "app.py").touch()
    apps = Apps(tmp_path / "register")
    assert apps.add("me/app", folder).notes() == []
    (folder / "requirements.txt").write_text("some-package\n")
    assert "add --install" in apps.find("me/app").notes()[0]


def test_what_was_built_in_the_folder_stands_for_what_run_would_build(tmp_path, folder):
    dockerfile = """
FROM node:14 AS builder
WORKDIR /app
COPY . .
RUN npm ci && npm run build
FROM node:14
WORKDIR /app
COPY --from=builder /app/build build/
CMD ["node", "build/app.js"]
"""
    fill(folder, dockerfile)
    (folder / ".dockerignore").write_text("build\n")
    with pytest.raises(ValidationError, match=r"/app/build/app.js.*is not copied") as caught:
        Apps(tmp_path / "register").add("me/app", folder)
    assert "/app/build (from builder)" in caught.value.hint
    fill(folder, dockerfile, "build/app.js")
    app = Apps(tmp_path / "register").add("me/app", folder)
    assert app.argv("/app")[1:] == ["build/app.js"]
    assert app.notes()[0] == "RUN is not carried out here: npm run build."


def test_a_script_that_only_a_run_has(tmp_path, folder):
    app = Apps(tmp_path / "register").add(
        "me/app", fill(folder, 'FROM x\nENTRYPOINT ["/usr/local/bin/python"]')
    )
    assert app.launch("/app", ["/iexec_in/a.py"]).argv == [sys.executable, "/iexec_in/a.py"]


class TestWhichDockerfile:
    def test_the_one_that_is_named(self, tmp_path, folder):
        fill(
            folder,
            'FROM x\nCOPY src/a.py /\nENTRYPOINT ["python3", "/a.py"]',
            "src/a.py",
            at="tee/Dockerfile",
        )
        fill(folder, "FROM x\nCMD true")
        argv, _ = added(tmp_path, folder, dockerfile="tee/Dockerfile")
        assert argv == ["PYTHON", "/a.py"]
        assert Apps(tmp_path / "register").find("me/app").dockerfile == folder / "tee" / "Dockerfile"

    @pytest.mark.parametrize("name", ["sconify.Dockerfile", "Dockerfile.tee", "docker/Dockerfile"])
    def test_the_only_one(self, tmp_path, folder, name):
        fill(folder, 'FROM x\nCOPY lib/a.py /\nENTRYPOINT ["python3", "/a.py"]', "lib/a.py", at=name)
        assert added(tmp_path, folder)[0] == ["PYTHON", "/a.py"]

    def test_the_folder_that_it_is_built_from(self, tmp_path, folder):
        fill(folder, "FROM x\nCOPY ./src /app\nCMD python /app/app.py", "src/app.py", at="tee/Dockerfile")
        with pytest.raises(ValidationError) as caught:
            added(tmp_path, folder / "tee")
        assert f"add {folder} with --dockerfile tee/" in caught.value.hint

    def test_none_of_several(self, tmp_path, folder):
        fill(folder, "FROM x", at="a.Dockerfile")
        fill(folder, "FROM x", at="b.Dockerfile")
        with pytest.raises(ValidationError, match=r"several Dockerfiles: a\.Dockerfile, b") as caught:
            added(tmp_path, folder)
        assert "--dockerfile" in caught.value.hint

    def test_one_that_is_not_there(self, tmp_path, folder):
        with pytest.raises(ValidationError, match="there is no Dockerfile x"):
            added(tmp_path, folder, dockerfile="x")

    def test_an_entry_point_comes_before_it(self, tmp_path, folder):
        fill(folder, 'FROM x\nENV A=1\nWORKDIR /w\nCOPY src ./\nENTRYPOINT ["no"]', "src/a.py", "b.py")
        argv, recipe = added(tmp_path, folder, "x", entrypoint="src/a.py --fast")
        assert argv == ["PYTHON", "/w/a.py", "--fast", "x"]
        assert recipe.environment == {"A": "1"}
        assert added(tmp_path, folder, entrypoint="b.py")[0] == ["PYTHON", "/app/b.py"]
        assert added(tmp_path, folder, entrypoint="python3 -V")[0] == ["PYTHON", "-V"]

    def test_edits_count_at_the_next_run(self, tmp_path, folder):
        fill(folder, "FROM x\nCOPY a.py /\nCMD python3 /a.py", "a.py")
        app = Apps(tmp_path / "register").add("me/app", folder)
        fill(folder, 'FROM x\nCOPY a.py /b.py\nENTRYPOINT ["python3", "/b.py"]')
        assert app.argv("/app")[-1] == "/b.py"


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_javascript_without_a_dockerfile(tmp_path, folder, mode):
    (folder / "index.js").touch()
    (folder / "index.js").chmod(mode)
    argv = Apps(tmp_path / "register").add("me/app", folder).argv("/app")
    assert Path(argv[0]).name == "node"
    assert argv[1:] == ["/app/index.js"]
