"""The forms made by hand: the lines they stand for, what they tell while somebody types, what they run."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from helpers.labs import CHECKSUM, IMAGE, fund, open_lab

from iexec_lab import markup
from iexec_lab.commands.hand_made import HAND_MADE
from iexec_lab.errors import CryptoError, IexecError, UsageError, WalletError
from iexec_lab.notebook.cells import split
from iexec_lab.notebook.compat import uploaded
from iexec_lab.notebook.forms.hand import cost
from iexec_lab.notebook.forms.hand.aside import Aside
from iexec_lab.notebook.forms.hand.desk import Desk, SecretWord, line_of
from iexec_lab.notebook.forms.hand.files import MOST_UPLOADED, FileChoice, keep
from iexec_lab.notebook.forms.hand.pick import Pick
from iexec_lab.notebook.forms.index import Index
from iexec_lab.notebook.forms.opening import form, hand_made
from iexec_lab.wallet.keystore import create_wallet
from iexec_lab.wallet.signer import LocalSigner

APP = "0x" + "ab" * 20
PASSWORD = "a password that stays here"


class Recorder:
    """Answers each line in turn; an exception is raised."""

    def __init__(self, *answers):
        self.answers, self.words = list(answers), []

    def __call__(self, words):
        self.words.append(list(words))
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IEXEC_LAB_STATE", str(tmp_path / "states"))
    monkeypatch.delenv("IEXEC_PRIVATE_KEY", raising=False)
    project = tmp_path / "project"
    project.mkdir()
    return project


def connecting(folder, *answers):
    recorder = Recorder(*answers)
    made = hand_made("connect", Desk(recorder, folder=folder))
    made.show_balance = lambda: None  # it asks a node
    return made, recorder


def held_by(widget):
    """Everything that a saved notebook would hold of a widget and of what it contains."""
    return json.dumps({key: str(value["model_data"]) for key, value in _states(widget).items()}, default=str)


def _states(widget):
    from ipywidgets.embed import dependency_state

    return {
        key: {"model_data": value} for key, value in dependency_state([widget], drop_defaults=False).items()
    }


def test_a_network_is_chosen_from_those_there_are(folder):
    (folder / "chain.json").write_text(
        json.dumps(
            {"default": "mine", "chains": {"mine": {"id": "7", "host": "http://127.0.0.1:1", "hub": APP}}}
        )
    )
    made, _ = connecting(folder)
    assert [name for name, _ in made.network.control.options][:3] == ["mine", "sandbox", "arbitrum-mainnet"]
    assert made.line == "%iexec connect mine"
    made.network.control.value = "arbitrum-mainnet"
    assert "RLC has value here" in made.network._note.value
    made.network.control.value = "sandbox"
    assert "is started when you connect" in made.network._note.value


def test_a_network_that_does_not_exist_is_told_while_it_is_typed(folder):
    made, recorder = connecting(folder)
    made.network.control.value = ""
    made.named.control.value = "arbitrum-mainet"
    assert "Unknown network arbitrum-mainet" in made.named._note.value
    assert made.go_button.disabled
    made.go()
    assert recorder.words == []
    made.named.control.value = "sandbox:a name"
    assert "is not a name for a sandbox" in made.named._note.value
    made.named.control.value = "134"
    assert not made.go_button.disabled
    assert made.line == "%iexec connect 134"


def test_a_wallet_in_memory_is_only_offered_where_nothing_has_value(folder):
    made, _ = connecting(folder)
    ways = {value for _, value in made.wallet.control.options}
    assert {"new", "create", "import", "browser", "usual"} <= ways
    made.network.control.value = "arbitrum-mainnet"
    assert "new" not in {value for _, value in made.wallet.control.options}


def test_a_wallet_of_the_keystore_is_unlocked_and_its_password_forgotten(folder):
    saved = create_wallet(PASSWORD, cwd=folder)
    made, recorder = connecting(folder)
    [way] = [value for _, value in made.wallet.control.options if value.startswith("file ")]
    made.wallet.control.value = way
    made.go()
    assert recorder.words == []
    assert "Password is missing" in made.password._note.value
    made.password.control.value = PASSWORD
    assert made.line == f"%iexec connect sandbox --wallet-file {saved.path.name} --password •••"
    assert PASSWORD not in held_by(made.box)
    made.go()
    assert recorder.words == [
        ["connect", "sandbox", "--wallet-file", saved.path.name, "--password", PASSWORD]
    ]
    assert made.password.value == ""
    assert PASSWORD not in held_by(made.box) + made.text() + repr(made.trace) + made.trace.html()


def test_a_new_wallet_needs_its_password_twice(folder):
    made, recorder = connecting(folder, APP)
    made.wallet.control.value = "create"
    made.password.control.value = PASSWORD
    made.again.control.value = "another"
    made.go()
    assert recorder.words == []
    assert "The passwords differ" in made.again._note.value
    made.again.control.value = PASSWORD
    assert made.line.split("\n") == [
        "%%iexec",
        "wallet create --password •••",
        "connect sandbox --wallet-address '<its address>' --password •••",
    ]
    made.go()
    assert recorder.words == [
        ["wallet", "create", "--password", PASSWORD],
        ["connect", "sandbox", "--wallet-address", APP, "--password", PASSWORD],
    ]


def test_an_imported_key_is_never_shown(folder):
    key = LocalSigner.generate().export_key()
    made, recorder = connecting(folder, APP)
    made.wallet.control.value = "import"
    for secret, typed in ((made.key, key), (made.password, PASSWORD), (made.again, PASSWORD)):
        secret.control.value = typed
    assert key not in made.line + held_by(made.box)
    made.go()
    assert recorder.words[0] == ["wallet", "import", key, "--password", PASSWORD]
    assert key not in held_by(made.box) + repr(made.trace) + made.trace.html()
    assert made.key.value == ""


def test_a_line_that_fails_ends_the_work_and_is_told(folder):
    made, recorder = connecting(folder, WalletError("incorrect password", hint="Type it again."))
    made.wallet.control.value = "create"
    made.password.control.value = made.again.control.value = PASSWORD
    made.go()
    assert len(recorder.words) == 1
    assert made.value is None
    assert "incorrect password" in made.below.children[-1].value
    assert "incorrect password" in repr(made.trace)
    assert PASSWORD not in repr(made.trace)


def test_secret_words_are_dots():
    assert line_of(["a", SecretWord("x y"), "b c"]) == "%iexec a ••• 'b c'"
    assert "x y" not in repr([SecretWord("x y")])


@pytest.mark.parametrize("name", HAND_MADE)
def test_every_one_has_a_text_twin_and_begins_with_the_market(name, folder):
    made = form(name, Recorder(), folder=folder)
    assert HAND_MADE[name].summary in made.text()
    assert made.line.startswith("%iexec ")
    if name != "connect":
        assert made.problems()[0] == "Connect first."
        made.go()
        assert made.desk.execute.words == []


def test_all_forms_are_listed_those_made_by_hand_first(folder):
    made = form("", Recorder(), folder=folder)
    assert isinstance(made, Index)
    text = made.text()
    assert text.index("%iexec form protect") < text.index("app deploy")
    made.open("sell")
    made.open("account deposit")


@pytest.mark.parametrize("name", ["run", "sell", "protect"])
def test_an_option_there_is_not_is_refused(name, folder):
    with pytest.raises(UsageError, match="has no colour"):
        form(name, Recorder(), folder=folder, values={"colour": "red"})


def test_what_is_sold_becomes_the_line(folder):
    made = form("sell", Recorder(), folder=folder, values={"dataset": APP, "price": "0.5 RLC", "volume": 3})
    assert made.line == f"%iexec dataset publish {APP} --price 0.5 RLC --volume 3 --tag tee"
    made.more["dataset"].fill("requester_restrict", APP)
    assert f"--requester-restrict {APP}" in made.line
    made.kind.control.value = "workerpool"
    assert made.line.startswith(f"%iexec workerpool publish {APP}")
    made.volume.control.value = "none"
    assert "A number of 1 or more." in made.problems()


def test_what_is_run_becomes_the_line(folder):
    values = {
        "app": APP,
        "dataset": APP,
        "args": "two words",
        "encrypt_result": True,
        "volume": 3,
        "category": 1,
    }
    made = form("run", Recorder(), folder=folder, values=values)
    [words] = split(made.line)
    assert words[:4] == ["%iexec", "app", "run", APP]
    assert made.line == (
        f"%iexec app run {APP} --dataset {APP} --args 'two words' --category 1 --encrypt-result"
        " --volume 3 --watch"
    )
    made.app.typed.control.value = "0x12"
    assert any("40 hexadecimal digits" in problem for problem in made.problems())


def test_a_file_is_chosen_in_the_folder_or_below(folder):
    (folder / "below").mkdir()
    (folder / "below" / "deep.csv").write_text("x")
    (folder / "table.csv").write_text("a,b\n" * 1000)
    (folder / ".hidden").write_text("x")
    made = form("protect", Recorder(), folder=folder, values={"price": ["0.5", "RLC"]})
    assert [shown for shown, _ in made.files.decision.control.options] == ["below/", "table.csv · 4.0 kB"]
    made.files.decision.control.value = "table.csv"
    assert made.line == "%iexec dataset publish-file table.csv --price 0.5 RLC"
    made.files.decision.control.value = "below"
    assert "The folder is zipped" in made.files.decision._note.value
    made.files._enter()
    assert [path for _, path in made.files.decision.control.options] == ["below/deep.csv"]
    assert made.problems() != []


def upload(widget, name, content):
    """As a page does it, with ipywidgets 8 or 7."""
    about = {"name": name, "type": "", "size": len(content)}
    if hasattr(widget, "_counter"):
        widget.metadata, widget.data, widget._counter = [about], [content], 1
    else:
        widget.value = ({**about, "content": content, "last_modified": datetime.now(UTC)},)


def test_an_upload_becomes_a_file_and_leaves_the_page(folder):
    changed = []
    files = FileChoice(folder, lambda: changed.append(1))
    content = b"name,secret\n"
    upload(files._upload, "../table.csv", content)
    assert (folder / "table.csv").read_bytes() == content
    assert files.value == "table.csv"
    assert not uploaded(files._upload.value)  # another one: the first is closed
    assert "secret" not in held_by(files.box)


def test_uploads_of_both_generations_are_read():
    assert uploaded({"a.txt": {"metadata": {}, "content": b"x"}}) == [("a.txt", b"x")]
    assert uploaded(({"name": "a.txt", "content": memoryview(b"x")},)) == [("a.txt", b"x")]


def test_an_upload_replaces_nothing_and_is_bounded(folder):
    assert keep(folder, "a.txt", b"one").name == "a.txt"
    assert keep(folder, "a.txt", b"one").name == "a.txt"
    assert keep(folder, "a.txt", b"two").name == "a-2.txt"
    assert keep(folder, "C:\\x\\..\\.b.txt", b"x").name == "b.txt"
    for name in ("", "..", "a\nb", "x" * 300):
        with pytest.raises(CryptoError):
            keep(folder, name, b"x")
    with pytest.raises(CryptoError, match="more than 8 MiB"):
        keep(folder, "large", bytes(MOST_UPLOADED + 1))


def test_only_the_newest_answer_is_told():
    import threading

    told, go = [], threading.Event()
    aside = Aside(told.append)
    aside.ask(lambda: go.wait(60) and "old")
    aside.ask(lambda: "new")
    assert aside.wait(60)
    go.set()
    aside.ask(lambda: {}["nothing"])
    assert aside.wait(60)
    assert told[0] == "new"
    assert isinstance(told[1], IexecError)


class Told:
    """Waits for what a form asked beside."""

    def __init__(self, made):
        self.asides = [value for value in vars(made).values() if isinstance(value, Aside)]

    def wait(self):
        for _ in range(3):  # an answer may lead to another question
            for aside in self.asides:
                assert aside.wait(60)


@pytest.fixture
def lab(iexec_sandbox, folder):
    return open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[0].key), folder)


def test_a_wrong_password_is_told_at_once(lab, iexec_sandbox, folder, monkeypatch, capsys):
    monkeypatch.setenv("IEXEC_LAB_STATE", str(iexec_sandbox.folder.parent))
    saved = create_wallet(PASSWORD, cwd=folder)
    made = lab.form("connect", network=f"sandbox:{iexec_sandbox.name}", wallet_address=saved.address)
    for password, told in (("wrong", "incorrect password"), (PASSWORD, saved.address)):
        made.password.control.value = password
        made.go()
        shown = [str(getattr(part, "value", "")) for part in (*made.below.children, *_all(made.after))]
        assert any(told in each for each in shown)
    assert made.value.session.signer.address == saved.address
    assert saved.address in repr(made.trace)  # the outcome, when the widget is gone
    capsys.readouterr()


def _all(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _all(child)


def test_an_app_is_run_to_its_decrypted_result(iexec_sandbox, folder, capsys):
    stranger = LocalSigner.generate()  # whose result key no other test has made
    fund(iexec_sandbox, stranger.address, nrlc=10**9, wei=10**18)
    lab = open_lab(iexec_sandbox, stranger, folder)
    lab.account.deposit("1 RLC")
    app = lab.app.deploy(name=str(folder), multiaddr=IMAGE, checksum=CHECKSUM)
    made = lab.form("run", app=app, args="hello", encrypt_result=True)
    told = Told(made)
    told.wait()
    assert "0.1 RLC" in made._price.value
    assert "locked" in made._price.value
    assert "A key pair is made first" in made.encrypt._note.value
    assert made.line.split("\n")[:3] == [
        "%%iexec",
        "result generate-encryption-keypair",
        "result push-encryption-key",
    ]
    made.go()
    assert made.value.done
    assert "hello" in made.value.result().text("result.txt")
    kept = repr(made.trace)
    assert f"%iexec app run {app}" in kept
    assert made.value.deal_id in kept
    assert "result.txt" in kept
    told.wait()
    assert made.line.startswith("%iexec app run")  # the key is there now

    elsewhere = folder.with_name("elsewhere")  # the same wallet, in a folder without its private key
    elsewhere.mkdir()
    made = open_lab(iexec_sandbox, stranger, elsewhere).form("run", app=app, encrypt_result=True)
    told = Told(made)
    told.wait()
    assert "was made in another folder" in made.encrypt._note.value
    assert made._keying.layout.display != "none"
    made._keying.children[0].click()
    told.wait()
    assert "push-encryption-key --force-update" in repr(made.trace)
    assert made._keying.layout.display == "none"
    made.go()
    assert "Hello" in made.value.result().text("result.txt")
    capsys.readouterr()


def test_an_app_is_found_by_a_part_of_its_name(lab, folder):
    word = f"q{folder.parent.name[-30:]}"
    first = lab.app.deploy(name=f"first {word}", multiaddr=IMAGE, checksum=CHECKSUM)
    made = lab.form("run", app="0x")
    told = Told(made)
    told.wait()
    made.app.typed.control.value = word
    told.wait()
    assert made.app.value == first
    lab.app.deploy(name=f"second {word}", multiaddr=IMAGE, checksum=CHECKSUM)
    made.app.value = "0x"
    made.app.typed.control.value = f"{word}x"
    told.wait()
    assert "Nothing here has this in its name" in made.app.typed._note.value
    made.app.typed.control.value = word
    told.wait()
    assert "2 have this in their name" in made.app.typed._note.value
    assert made.problems() != []


def test_missing_rlc_is_told_with_a_button_that_brings_it(iexec_sandbox, folder, capsys):
    poor = LocalSigner.generate()
    lab = open_lab(iexec_sandbox, poor, folder)
    seller = open_lab(iexec_sandbox, LocalSigner(iexec_sandbox.users[0].key), folder)
    app = seller.app.deploy(name=f"{folder} for others", multiaddr=IMAGE, checksum=CHECKSUM)
    seller.app.publish(app, price="0.25 RLC")
    made = lab.form("run", app=app)
    told = Told(made)
    told.wait()
    assert "1 order: from 0.25 RLC a task" in made.app.list._note.value + made.app.typed._note.value
    assert "greater than requester account stake" in made._price.value
    assert made._remedy[-1] == ["account", "deposit", "0.35", "RLC"]
    capsys.readouterr()


def test_what_is_on_sale_is_shown_and_taken_off(lab, folder, capsys):
    dataset = lab.dataset.deploy(
        name=str(folder), multiaddr="/ipfs/QmUbhq5YJYRk6GVYmWuZfWbZfjAN2kZCSqKYGBmRqKZMrv", checksum=CHECKSUM
    )
    made = lab.form("sell", dataset=dataset, price="0.5 RLC", skip_preflight_check=True)
    told = Told(made)
    told.wait()
    made.go()
    told.wait()
    assert f"--skip-preflight-check\n{made.value}" in repr(made.trace)
    rows = [part for part in made._now.children if hasattr(part, "children") and part.children]
    assert len(rows) == 1
    assert "0.5 RLC" in rows[0].children[0].value
    rows[0].children[1].click()
    told.wait()
    assert "Nothing of it is on sale now." in made._now.children[0].value
    assert "%iexec order unpublish --dataset 0x" in repr(made.trace)
    capsys.readouterr()


def test_a_file_is_protected_step_by_step_and_goes_on_after_a_failure(lab, folder, capsys, monkeypatch):
    (folder / "table.csv").write_text(f"a,b\n{folder}\n")
    made = lab.form("protect", path="table.csv", price="0.5 RLC")
    execute = made.desk.execute
    failing = Recorder(IexecError("the market is away"))
    made.desk.execute = failing
    made.go()
    assert "failed" in made._steps.value
    assert made.go_button.description == "Go on"
    made.desk.execute = execute
    made.go()
    assert made._steps.value.count(">done<") == 5
    assert made.go_button.description == "Protect and publish"
    made.go()
    assert made._steps.value.count(">was done already<") == 5
    capsys.readouterr()


def test_what_is_asked_for_is_not_a_choice_yet_and_another_kind_forgets_it():
    pick = Pick("App", "What is run.", typed="Address of the app")
    pick.refresh()
    assert (pick.value, pick.typed.is_shown) == ("", False)
    assert pick.list.problem()
    pick.offer([("mine", APP)], first=True)
    assert (pick.value, pick.list.problem()) == (APP, "")
    pick.restart()
    assert pick.value == ""
    assert pick.list.problem()
    pick.unknown("The market is away")
    pick.refresh()
    assert pick.typed.is_shown


def test_what_a_cost_was_stays_while_it_is_asked_anew():
    before = markup.card("Cost", "1 RLC", label="Cost")
    assert "1 RLC" in cost.waiting("Asking ...", before)
    assert "min-height" in cost.waiting("Asking ...")
