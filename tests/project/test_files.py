"""Project files: written as the official CLI writes them, never half, never losing what is there."""

from __future__ import annotations

import json
import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iexec_lab.errors import ProjectError
from iexec_lab.project import Project, jsonfile, write_secret

ADDRESS = "0xa760FEfAd0a38D494890501120cB79f5EEAFeE28"


def test_init_files_have_two_spaces_and_no_last_newline(tmp_path):
    project = Project(tmp_path)
    project.create("chain.json")
    project.create("iexec.json")
    assert (tmp_path / "chain.json").read_text() == (
        '{\n  "default": "arbitrum-sepolia-testnet",\n  "chains": {\n'
        '    "arbitrum-mainnet": {},\n    "arbitrum-sepolia-testnet": {}\n  }\n}'
    )
    assert list(project.config()) == ["description", "license", "author", "social", "logo"]


def test_resources_replace_their_object_only(tmp_path):
    (tmp_path / "iexec.json").write_text('{"mine": {"ä": 1}, "app": {"old": 1, "name": "x"}}')
    project = Project(tmp_path)
    project.save_resource("app", {"owner": ADDRESS, "name": "hello"})
    assert (tmp_path / "iexec.json").read_text() == (
        '{\n  "mine": {\n    "ä": 1\n  },\n  "app": {\n'
        f'    "owner": "{ADDRESS}",\n    "name": "hello"\n  }},\n  "buyConf": {{}}\n}}'
    )
    assert project.resource("app")["name"] == "hello"


def test_missing_parts_of_iexec_json_say_which_command_writes_them(tmp_path):
    project = Project(tmp_path)
    with pytest.raises(ProjectError, match="did you forget to run"):
        project.save_resource("app", {})
    assert not project.has("iexec.json")
    project.create("iexec.json")
    with pytest.raises(ProjectError) as caught:
        project.resource("app")
    assert caught.value.message == 'Missing app in "iexec.json". Did you forget to run "iexec app init"?'
    with pytest.raises(ProjectError) as caught:
        project.order("apporder")
    assert caught.value.message == 'Missing apporder. You probably forgot to run "iexec order init --app"'
    (tmp_path / "iexec.json").write_text('{"app": "x", "order": {"apporder": 5}}')
    for read in (lambda: project.resource("app"), lambda: project.order("apporder")):
        with pytest.raises(ProjectError, match="must be a `object` type"):
            read()


def test_orders_are_kept_by_kind(tmp_path):
    project = Project(tmp_path)
    project.create("iexec.json")
    project.save_order("apporder", {"app": ADDRESS})
    project.save_order("datasetorder", {"dataset": ADDRESS})
    assert project.order("apporder") == {"app": ADDRESS}
    assert list(project.config()["order"]) == ["apporder", "datasetorder"]


def test_deployed_keeps_one_address_per_kind_and_chain_with_ids_ascending(tmp_path):
    project = Project(tmp_path)
    assert project.deployed("app", 42) is None
    project.save_deployed("app", 65535, ADDRESS)
    project.save_deployed("app", 42, ADDRESS)
    project.save_deployed("dataset", 42, ADDRESS)
    assert (tmp_path / "deployed.json").read_text() == (
        f'{{\n  "app": {{\n    "42": "{ADDRESS}",\n    "65535": "{ADDRESS}"\n  }},\n'
        f'  "dataset": {{\n    "42": "{ADDRESS}"\n  }}\n}}'
    )
    with pytest.raises(ProjectError) as caught:
        project.require_deployed("app", 1)
    assert caught.value.message == 'Missing appAddress and no app found in "deployed.json" for chain 1'


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"app": {"42": "foo"}}, "ValidationError: foo is not a valid ethereum address in deployed.json"),
        ({"thing": {}}, 'ValidationError: Unknown key "thing" in deployed.json'),
        ({"app": {"main": ADDRESS}}, "ValidationError: main is not a valid chain id in deployed.json"),
        ({"app": ADDRESS}, "ValidationError: app must be a `object` type in deployed.json"),
    ],
)
def test_wrong_deployed_json_is_refused(tmp_path, document, sentence):
    (tmp_path / "deployed.json").write_text(json.dumps(document))
    with pytest.raises(ProjectError) as caught:
        Project(tmp_path).deployed("app", 42)
    assert caught.value.message == sentence


def test_signed_orders(tmp_path):
    project = Project(tmp_path)
    with pytest.raises(ProjectError) as caught:
        project.signed_orders(42)
    assert caught.value.message == 'Missing "orders.json" file, did you forget to run "iexec init"?'
    assert "order sign" in caught.value.hint
    project.save_signed_order("apporder", 42, {"app": ADDRESS, "sign": "0x"})
    assert project.signed_orders(42) == {"apporder": {"app": ADDRESS, "sign": "0x"}}
    assert project.signed_orders(1) == {}


def test_secrets_are_readable_by_their_owner_only(tmp_path):
    secret = tmp_path / "keys" / "a.key"
    write_secret(secret, "hidden")
    assert secret.read_text() == "hidden"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    secret.chmod(0o644)
    write_secret(secret, "again")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_rewriting_keeps_mode_and_symbolic_link(tmp_path):
    real = tmp_path / "real.json"
    real.write_text("{}")
    real.chmod(0o640)
    (tmp_path / "iexec.json").symlink_to(real)
    Project(tmp_path).save_resource("category", {"name": "XXL"})
    assert (tmp_path / "iexec.json").is_symlink()
    assert json.loads(real.read_text())["category"] == {"name": "XXL"}
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    (tmp_path / "iexec.json").mkdir()
    with pytest.raises(ProjectError, match=r"(?s)Cannot write iexec\.json.* → A folder has this name"):
        jsonfile.write(tmp_path / "iexec.json", "{}")
    assert [path.name for path in tmp_path.iterdir()] == ["iexec.json"]


def test_a_file_that_can_not_be_written_is_found_out_before(tmp_path):
    Project(tmp_path).prepare_deployed()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "deployed.json").mkdir()
    with pytest.raises(ProjectError, match=r"deployed\.json"):
        Project(tmp_path).prepare_deployed()


@pytest.mark.parametrize("wrong", ["1", "[1]", '"x"'])
def test_a_part_of_the_wrong_type_is_not_replaced(tmp_path, wrong):
    project = Project(tmp_path)
    saves = {
        ("iexec.json", "order"): lambda: project.save_order("apporder", {}),
        ("chain.json", "chains"): lambda: project.save_default_chain("sandbox"),
        ("deployed.json", "app"): lambda: project.save_deployed("app", 5, ADDRESS),
        ("orders.json", "5"): lambda: project.save_signed_order("apporder", 5, {}),
    }
    for (name, key), save in saves.items():
        text = f'{{"{key}": {wrong}}}'
        (tmp_path / name).write_text(text)
        with pytest.raises(ProjectError, match=f"ValidationError: {key} must be a `object` type in {name}"):
            save()
        assert (tmp_path / name).read_text() == text


def test_a_signed_order_must_be_an_object(tmp_path):
    (tmp_path / "orders.json").write_text('{"5": {"apporder": 1, "datasetorder": null}}')
    with pytest.raises(ProjectError, match=r"apporder must be a `object` type in orders\.json"):
        Project(tmp_path).signed_orders(5)


def test_commands_side_by_side_lose_nothing(tmp_path):
    project = Project(tmp_path)
    threads = [threading.Thread(target=project.save_deployed, args=("app", i, ADDRESS)) for i in range(1, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(json.loads((tmp_path / "deployed.json").read_text())["app"]) == {str(i) for i in range(1, 25)}


def test_dataset_folders(tmp_path):
    project = Project(tmp_path)
    project.create_dataset_folders(None, None, str(tmp_path / "elsewhere"))
    assert stat.S_IMODE((tmp_path / ".secrets/datasets").stat().st_mode) == 0o700
    assert (tmp_path / "datasets/original").is_dir()
    assert (tmp_path / "elsewhere").is_dir()
    assert project.encrypted_datasets() == tmp_path / "datasets/encrypted"
    assert project.beneficiary_keys("keys") == tmp_path / "keys"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_dumps_keeps_every_value(value):
    assert json.loads(jsonfile.dumps(value)) == value


def test_what_javascript_would_write_is_written(tmp_path):
    path = tmp_path / "iexec.json"
    path.write_text('{"half": "\\ud800", "whole": "\\ud83d\\ude00", "much": 1e400}')
    jsonfile.update(path, lambda document: document.update({"new": 1}))
    assert json.loads(path.read_text()) == {"half": "\ud800", "whole": "\U0001f600", "much": None, "new": 1}
    assert "\\ud800" in path.read_text()
    assert "\U0001f600" in path.read_text()


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path):
    (tmp_path / "iexec.json").write_bytes(b'\xef\xbb\xbf{\r\n"a": 1\r\n}\r\n')
    assert Project(tmp_path).config() == {"a": 1}


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_words_that_are_no_json_are_refused(tmp_path, word):
    (tmp_path / "iexec.json").write_text(f'{{"a":\n {word}}}')
    with pytest.raises(ProjectError, match=f"{word} is not JSON .line 2, column 2. in iexec.json"):
        Project(tmp_path).config()


def test_dumps_puts_array_indices_first_like_javascript():
    text = jsonfile.dumps({"b": 1, "10": 2, "9": 3, "a": 4, "01": 5, "4294967295": 6})
    assert list(json.loads(text)) == ["9", "10", "b", "a", "01", "4294967295"]


@pytest.mark.parametrize(
    ("content", "read", "said"),
    [
        ({"workerPool": {"owner": "x"}}, lambda each: each.resource("workerpool"), '"workerPool" is called'),
        ({"dapp": {"name": "x"}}, lambda each: each.resource("app"), '"dapp" is called "app" now.'),
        ({"order": {"buy": {}}}, lambda each: each.order("requestorder"), '"buy" is called "requestorder"'),
        ({"order": {"sell": {}}}, lambda each: each.order("workerpoolorder"), '"sell" is called'),
        ({"app": {}}, lambda each: each.resource("app"), "Write a sample"),
    ],
)
def test_old_names_in_iexec_json(tmp_path, content, read, said):
    (tmp_path / "iexec.json").write_text(json.dumps(content))
    with pytest.raises(ProjectError, match="Missing") as caught:
        read(Project(tmp_path))
    assert caught.value.hint.startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"workerPool": {"5": "0x"}}, 'It is "workerpool".'),
        ({"constructorArgs": []}, "what was deployed is kept as"),
        ({"apps": {}}, 'Did you mean "app"?'),
    ],
)
def test_old_forms_of_deployed_json(tmp_path, content, said):
    (tmp_path / "deployed.json").write_text(json.dumps(content))
    with pytest.raises(ProjectError, match="Unknown key") as caught:
        Project(tmp_path).deployed("app", 5)
    assert said in caught.value.hint
