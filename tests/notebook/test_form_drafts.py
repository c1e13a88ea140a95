"""What iexec.json would deploy or sign, shown and edited in forms."""

from __future__ import annotations

import json

import pytest

from iexec_lab.notebook.forms.entries import ENTRIES
from iexec_lab.notebook.forms.opening import form
from iexec_lab.project import jsonfile, templates
from iexec_lab.protocol import NULL_ADDRESS

APP = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
OWNER = "0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"
OTHER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


class Runs:
    """What was run, and what iexec.json held at that moment."""

    def __init__(self, folder):
        self.folder, self.words, self.held = folder, [], None

    def __call__(self, words):
        self.words.append(list(words))
        self.held = (self.folder / "iexec.json").read_text()
        return "0x1"


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path)


def write(folder, **parts):
    document = {**templates.PROJECT, "mine": {"1": [1, 2]}, **parts}
    (folder / "iexec.json").write_text(jsonfile.dumps(document))
    return document


def draft(made, part):
    return next(each for each in made.drafts.drafts if each.part == part)


def deploying(folder, runs, **changes):
    write(folder, app={**templates.app(OWNER), "own": 1e3, **changes})
    return form("app deploy", runs, folder=folder)


@pytest.mark.parametrize("kind", ["app", "dataset", "workerpool"])
def test_it_shows_what_would_be_deployed(tmp_path, runs, kind):
    part = templates.resource(kind, OWNER)
    write(tmp_path, **{kind: part})
    made = form(f"{kind} deploy", runs, folder=tmp_path)
    assert {key: field.value for key, field in draft(made, kind).fields.items() if field.value} == part
    assert not made._run.disabled
    for text in part.values():
        assert text in made.text()
        assert text in made.html()


def test_a_run_without_a_change_writes_nothing(tmp_path, runs):
    made = deploying(tmp_path, runs)
    path = tmp_path / "iexec.json"
    path.write_text(path.read_text().replace("  ", "\t"))
    before = path.read_text(), path.stat().st_ino
    made.run()
    assert runs.words == [["app", "deploy"]]
    assert (path.read_text(), path.stat().st_ino) == before


def test_a_change_is_written_before_the_run_and_nothing_else_changes(tmp_path, runs):
    made = deploying(tmp_path, runs)
    before = (tmp_path / "iexec.json").read_text()
    draft(made, "app").fields["name"].value = 'my "app"'
    made.run()
    assert runs.held == before.replace('"hello-world"', r'"my \"app\""')
    assert draft(made, "app").edited() == set()


def test_a_wrong_value_holds_the_button_back(tmp_path, runs):
    made = deploying(tmp_path, runs)
    field = draft(made, "app").fields["checksum"]
    field.value = "0x12"
    assert made._run.disabled
    assert "64 hexadecimal" in field._labelled._note.value
    assert "Checksum of the app is not right yet" in made._waits.value
    field.value = "0x" + "ab" * 32
    draft(made, "app").fields["name"].value = ""
    assert "Name of the app is missing" in made._waits.value


def test_what_changed_in_the_file_meanwhile_is_told_and_shown(tmp_path, runs):
    made = deploying(tmp_path, runs)
    fields = draft(made, "app").fields
    fields["name"].value = "mine"
    newer = deploying(tmp_path, runs)
    draft(newer, "app").fields["multiaddr"].value = "theirs/image:1"
    newer.run()
    held = (tmp_path / "iexec.json").read_text()

    made.run()
    assert len(runs.words) == 1
    assert (tmp_path / "iexec.json").read_text() == held
    assert "has changed since" in made.trace.text()
    assert "Image" in made.trace.text()
    assert (fields["name"].value, fields["multiaddr"].value) == ("mine", "theirs/image:1")

    made.run()
    assert len(runs.words) == 2
    app = json.loads(runs.held)["app"]
    assert (app["name"], app["multiaddr"], app["own"]) == ("mine", "theirs/image:1", 1e3)


def test_the_same_key_changed_twice_is_a_question_and_not_lost(tmp_path, runs):
    made, other = deploying(tmp_path, runs), form("app deploy", runs, folder=tmp_path)
    draft(other, "app").fields["name"].value = "theirs"
    other.run()
    draft(made, "app").fields["name"].value = "mine"
    made.run()
    assert json.loads((tmp_path / "iexec.json").read_text())["app"]["name"] == "theirs"
    assert "Name" in made.trace.text()


def test_a_sample_is_shown_where_the_file_has_none_and_written_with_the_run(tmp_path, runs):
    document = write(tmp_path)
    made = form("app deploy", runs, folder=tmp_path)
    assert "sample" in made.text()
    assert made._run.disabled  # no market is open, so nobody knows the owner
    draft(made, "app").fields["owner"].value = OWNER
    assert json.loads((tmp_path / "iexec.json").read_text()) == document
    made.run()
    assert json.loads(runs.held) == {**document, "buyConf": {}, "app": templates.app(OWNER)}


def test_a_folder_without_the_file_gets_it(tmp_path, runs):
    made = form("workerpool deploy", runs, folder=tmp_path)
    draft(made, "workerpool").fields["owner"].value = OWNER
    made.run()
    assert runs.held == jsonfile.dumps(
        {**templates.PROJECT, "workerpool": templates.resource("workerpool", OWNER)}
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"app": 5}', '{"app": {"name": '])
def test_a_broken_file_is_told_and_never_overwritten(tmp_path, runs, text):
    (tmp_path / "iexec.json").write_text(text)
    made = form("app deploy", runs, folder=tmp_path)
    draft(made, "app").fields["owner"].value = OWNER
    made.run()
    assert runs.words == []
    assert (tmp_path / "iexec.json").read_text() == text
    assert "Error" in made.trace.text()


def test_orders_are_ticked_as_they_are_there(tmp_path, runs):
    write(tmp_path, order={"apporder": templates.order("apporder", resource=APP), "x": 1})
    made = form("order sign", runs, folder=tmp_path)
    assert made.line == "%iexec order sign --app"
    assert not made._run.disabled
    made.fields["workerpool"].value = True
    assert "Workerpool of the workerpoolorder is missing" in made._waits.value


def test_terms_of_an_order_are_read_and_written(tmp_path, runs):
    order = {**templates.order("apporder", resource=APP, tag=["tee"]), "appprice": 5, "note": "x"}
    order["requesterrestrict"] = OTHER
    document = write(tmp_path, order={"apporder": order, "x": 1})
    made = form("order sign", runs, folder=tmp_path)
    fields = draft(made, "apporder").fields
    shown = {key: field.value for key, field in fields.items()}
    assert shown == {
        "app": APP,
        "appprice": "5",
        "volume": "1000000",
        "tag": "tee",
        "datasetrestrict": "",
        "workerpoolrestrict": "",
        "requesterrestrict": OTHER,
    }
    fields["appprice"].value = "0.5 RLC"
    fields["volume"].value = "7"
    fields["tag"].value = "tee,scone"
    fields["requesterrestrict"].value = ""
    fields["datasetrestrict"].value = OTHER
    made.run()
    changed = {"appprice": 500_000_000, "volume": "7", "tag": ["tee", "scone"]}
    changed |= {"requesterrestrict": NULL_ADDRESS, "datasetrestrict": OTHER}
    document["order"]["apporder"] |= changed
    assert runs.held == jsonfile.dumps(document)
    assert runs.words == [["order", "sign", "--app"]]


def test_parameters_stay_an_object_or_become_words(tmp_path, runs):
    order = {**templates.order("requestorder", user=OWNER), "app": APP}
    write(tmp_path, order={"requestorder": order})
    made = form("order sign", runs, folder=tmp_path)
    field = draft(made, "requestorder").fields["params"]
    field.value = '{"iexec_args": "a"'
    assert made._run.disabled
    field.value = '{"iexec_args": "a", "mine": 1}'
    made.run()
    assert json.loads(runs.held)["order"]["requestorder"]["params"] == {"iexec_args": "a", "mine": 1}
    field.value = "just words"
    made.run()
    assert json.loads(runs.held)["order"]["requestorder"]["params"] == "just words"


def test_only_writing_runs_nothing(tmp_path, runs):
    write(tmp_path, category=templates.category())
    made = form("category create", runs, folder=tmp_path)
    draft(made, "category").fields["workClockTimeRef"].value = "300"
    made.drafts._save.click()
    assert runs.words == []
    assert json.loads((tmp_path / "iexec.json").read_text())["category"]["workClockTimeRef"] == "300"
    draft(made, "category").fields["name"].value = "typed"
    made.drafts._again.click()
    assert draft(made, "category").fields["name"].value == "XXL"


def test_samples_of_init_are_left_to_it(tmp_path, runs):
    write(tmp_path)
    made = form("order init", runs, folder=tmp_path)
    before = (tmp_path / "iexec.json").read_text()
    made.run()
    assert runs.held == before


def test_signed_orders_are_shown_and_ticked(tmp_path, runs):
    signed = {**templates.order("apporder", resource=APP), "appprice": "1000000000", "sign": "0x"}
    (tmp_path / "orders.json").write_text(json.dumps({"65535": {"apporder": signed}}))
    made = form("order publish", runs, folder=tmp_path)
    assert made.line == "%iexec order publish --app"
    assert "1.0 RLC" in made.html()
    made.fields["app"].value = False
    assert made._run.disabled


def test_entries_are_the_keys_of_the_samples():
    for part, entries in ENTRIES.items():
        if part == "category":
            sample = templates.category()
        elif part.endswith("order"):
            sample = templates.order(part)
        else:
            sample = templates.resource(part, OWNER)
        assert {entry.key for entry in entries} - {"mrenclave"} == set(sample)
