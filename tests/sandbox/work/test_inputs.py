"""What an app finds: datasets, input files, bulk slices, secrets; and how its result is encrypted."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
import zipfile

import pytest
from helpers.faulty_server import FaultyServer, Reply, drip, endless, status
from helpers.sandbox.buyer import TDX, Buyer, statuses

from iexec_lab.crypto import (
    decrypt_result,
    encrypt_dataset,
    file_checksum,
    generate_keypair,
    public_key_secret,
)
from iexec_lab.protocol import (
    DATASET_INFINITE_VOLUME,
    DROPBOX_TOKEN,
    NULL_ADDRESS,
    RESULT_ENCRYPTION_KEY,
)
from iexec_lab.sandbox.control import Sandbox
from iexec_lab.sandbox.state.blobs import BlobStore
from iexec_lab.sandbox.work import inputs
from iexec_lab.services.sms import Sms

KEY = base64.b64encode(b"\1" * 32).decode()
# One wrong key in 256 finds something that looks like a padding: this one does not.
OTHER_KEY = base64.b64encode(b"\2" * 32).decode()
SHOW = """
import json, os
from pathlib import Path
files = {path.name: path.read_bytes().decode("latin-1") for path in Path(os.environ["IEXEC_IN"]).iterdir()}
env = {name: value for name, value in os.environ.items() if name.startswith("IEXEC_")}
target = Path(os.environ["IEXEC_OUT"]) / "seen.json"
target.write_text(json.dumps({"files": files, "env": env}))
(target.parent / "computed.json").write_text(json.dumps({"deterministic-output-path": str(target)}))
"""


@pytest.fixture(scope="module")
def buyer(iexec_sandbox):
    return Buyer(iexec_sandbox, user=1)


@pytest.fixture(scope="module")
def app(buyer, tmp_path_factory):
    return buyer.install(tmp_path_factory.mktemp("show"), SHOW)


@pytest.fixture(scope="module")
def blobs(buyer):
    return BlobStore(buyer.handle.folder / "ipfs")


@pytest.fixture(scope="module")
def sms(buyer):
    return Sms(buyer.handle.urls["sms"])


@pytest.fixture(scope="module")
def keys():
    return generate_keypair(2048)


def seen(buyer, task):
    found = json.loads(buyer.files(task)["seen.json"])
    return found["files"], found["env"]


def error_of(buyer, task):
    return buyer.files(task)["error.txt"].decode()


def serving(body=b"content"):
    return FaultyServer(answer=lambda _: Reply(200, body, ()))


def name_of(url):
    return "0x" + hashlib.sha256(url.encode()).hexdigest()


def test_nothing_asked_for(buyer, app):
    files, env = seen(buyer, buyer.run(app))
    assert files == {}
    assert env["IEXEC_DATASET_ADDRESS"] == env["IEXEC_DATASET_FILENAME"] == NULL_ADDRESS
    assert env["IEXEC_INPUT_FILES_NUMBER"] == "0"
    assert sorted(env) == [
        "IEXEC_BOT_FIRST_INDEX",
        "IEXEC_BOT_SIZE",
        "IEXEC_BOT_TASK_INDEX",
        "IEXEC_DATASET_ADDRESS",
        "IEXEC_DATASET_FILENAME",
        "IEXEC_DEAL_ID",
        "IEXEC_IN",
        "IEXEC_INPUT_FILES_NUMBER",
        "IEXEC_OUT",
        "IEXEC_TASK_ID",
        "IEXEC_TASK_INDEX",
    ]


class TestInputFiles:
    def test_are_named_by_the_hash_of_their_address(self, buyer, app):
        with serving(b"\0one") as server:
            urls = [f"{server.url}/a/one.txt", f"{server.url}/two"]
            files, env = seen(buyer, buyer.run(app, {"iexec_input_files": urls}))
        assert env["IEXEC_INPUT_FILES_NUMBER"] == "2"
        assert env["IEXEC_INPUT_FILES_FOLDER"] == env["IEXEC_IN"]
        assert [env["IEXEC_INPUT_FILE_NAME_1"], env["IEXEC_INPUT_FILE_NAME_2"]] == [name_of(u) for u in urls]
        assert files == {name_of(url): "\0one" for url in urls}

    def test_that_fail_are_all_named_in_the_result(self, buyer, app):
        with FaultyServer(always=status(404)) as server:
            urls = [f"{server.url}/one", "http://127.0.0.1:1/two", "ftp://no", f"{server.url}/three"]
            task = buyer.run(app, {"iexec_input_files": urls})
        text = error_of(buyer, task)
        assert text.startswith("[IEXEC] Errors occurred while computing the task\n")
        assert text.count("INPUT_FILES_DOWNLOAD_FAILED") == 4
        assert all(url in text for url in urls)
        assert buyer.task(task).status_name(0) == "COMPLETED"
        (replicate,) = buyer.model(task)["replicates"]
        history = statuses(replicate["statusUpdateList"])
        assert history[6:8] == ["DATA_DOWNLOAD_FAILED", "CONTRIBUTING"]
        assert replicate["statusUpdateList"][6]["cause"] == "INPUT_FILES_DOWNLOAD_FAILED"
        assert "appExitCode" not in replicate

    def test_in_tee_deals_are_the_enclave_s_to_fetch(self, buyer, app):
        with FaultyServer(always=status(500)) as server:
            task = buyer.run(app, {"iexec_input_files": [server.url]}, tag=TDX)
        assert "PRE_COMPUTE_INPUT_FILE_DOWNLOAD_FAILED" in error_of(buyer, task)
        assert "COMPUTED" in statuses(buyer.model(task)["replicates"][0]["statusUpdateList"])

    def test_that_never_end_are_given_up_in_time(self, buyer, app):
        category = buyer.category(3)
        with FaultyServer(always=drip(60)) as server:
            task = buyer.run(app, {"iexec_input_files": [server.url]}, category=category)
        assert "within 3 s" in error_of(buyer, task)

    def test_have_a_largest_size(self, tmp_path):
        import asyncio

        with FaultyServer(always=endless()) as server:
            fetcher = inputs.InputFetcher(None, "", None, None, largest=1 << 20)
            with pytest.raises(inputs.FaultError, match="more than 1048576 bytes"):
                asyncio.run(fetcher._save(server.url, tmp_path / "file", "CAUSE"))


class TestDataset:
    def test_of_an_ordinary_deal_comes_as_it_is(self, buyer, app, blobs):
        dataset = buyer.deploy_dataset(f"/ipfs/{blobs.add(b'plain content')}")
        files, env = seen(buyer, buyer.run(app, dataset=dataset))
        assert env["IEXEC_DATASET_ADDRESS"] == env["IEXEC_DATASET_FILENAME"] == dataset
        assert files == {dataset: "plain content"}

    def test_from_a_web_server_with_a_checksum(self, buyer, app):
        with serving() as server:
            checksum = "0x" + hashlib.sha256(b"content").hexdigest()
            files, _ = seen(buyer, buyer.run(app, dataset=buyer.deploy_dataset(f"{server.url}/d", checksum)))
        assert list(files.values()) == ["content"]

    def test_with_another_checksum_is_refused(self, buyer, app, blobs):
        dataset = buyer.deploy_dataset(f"/ipfs/{blobs.add(b'x')}", "0x" + "11" * 32)
        assert "DATASET_FILE_BAD_CHECKSUM" in error_of(buyer, buyer.run(app, dataset=dataset))

    @pytest.mark.parametrize(
        "location",
        ["/ipfs/QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ", "/ip4/1.2.3.4/tcp/80", "not an address"],
    )
    def test_that_is_nowhere(self, buyer, app, location):
        task = buyer.run(app, dataset=buyer.deploy_dataset(location))
        assert "DATASET_FILE_DOWNLOAD_FAILED" in error_of(buyer, task)

    @pytest.fixture
    def encrypted(self, buyer, blobs, tmp_path):
        done = encrypt_dataset(b"confidential", tmp_path / "enc", KEY, iv=bytes(16))
        dataset = buyer.deploy_dataset(
            f"/ipfs/{blobs.add(tmp_path / 'enc')}", file_checksum(tmp_path / "enc")
        )
        return dataset, done.key

    def test_of_a_tee_deal_is_decrypted(self, buyer, app, sms, encrypted):
        dataset, key = encrypted
        sms.push_dataset_secret(dataset, key, buyer.gate)
        files, env = seen(buyer, buyer.run(app, dataset=dataset, tag=TDX))
        assert files == {dataset: "confidential"}
        assert env["IEXEC_DATASET_FILENAME"] == dataset

    def test_whose_key_was_never_pushed_stops_the_session(self, buyer, app, encrypted):
        (task,) = buyer.tasks(buyer.match(app, dataset=encrypted[0], tag=TDX))
        update = buyer.wait_replicate(task)["statusUpdateList"][-2]
        assert update["status"] == "COMPUTE_FAILED"
        assert update["cause"] == "TEE_SESSION_GENERATION_PRE_COMPUTE_GET_DATASET_SECRET_FAILED"
        assert statuses(buyer.wait(task)["dateStatusList"])[-2:] == ["RUNNING_FAILED", "FAILED"]

    def test_with_a_wrong_key(self, buyer, app, sms, encrypted):
        sms.push_dataset_secret(encrypted[0], OTHER_KEY, buyer.gate)
        task = buyer.run(app, dataset=encrypted[0], tag=TDX)
        assert "PRE_COMPUTE_DATASET_DECRYPTION_FAILED" in error_of(buyer, task)

    def test_with_a_key_that_is_none(self, buyer, app, sms, encrypted):
        sms.push_dataset_secret(encrypted[0], "not a key", buyer.gate)
        task = buyer.run(app, dataset=encrypted[0], tag=TDX)
        assert "PRE_COMPUTE_DATASET_DECRYPTION_FAILED" in error_of(buyer, task)
        assert "not a key" not in error_of(buyer, task)


class TestBulk:
    def slices(self, buyer, blobs, *slices):
        cids = [blobs.add(json.dumps([order.to_json() for order in orders]).encode()) for orders in slices]
        return blobs.add(json.dumps(cids).encode())

    def orders(self, buyer, blobs, count, *, volume=DATASET_INFINITE_VOLUME):
        made = []
        for number in range(count):
            cid = blobs.add(f"bulk {number} {time.time_ns()}".encode())
            made.append(buyer.dataset_order(buyer.deploy_dataset(f"/ipfs/{cid}"), volume=volume))
        return made

    def test_each_task_has_the_datasets_of_its_slice(self, buyer, app, blobs):
        orders = self.orders(buyer, blobs, 3)
        cid = self.slices(buyer, blobs, orders[:2], orders[2:])
        tasks = buyer.tasks(buyer.match(app, {"bulk_cid": cid}, volume=2))
        for task, part in zip(tasks, (orders[:2], orders[2:]), strict=True):
            buyer.wait(task)
            files, env = seen(buyer, task)
            assert env["IEXEC_BULK_SLICE_SIZE"] == str(len(part))
            assert env["IEXEC_DATASET_FILENAME"] == NULL_ADDRESS
            names = [env[f"IEXEC_DATASET_{number}_FILENAME"] for number in range(1, len(part) + 1)]
            assert names == [order.dataset for order in part]
            assert sorted(files) == sorted(names)

    def test_datasets_are_decrypted_in_tee_deals(self, buyer, app, blobs, sms, tmp_path):
        done = encrypt_dataset(b"confidential", tmp_path / "enc", KEY, iv=bytes(16))
        dataset = buyer.deploy_dataset(f"/ipfs/{blobs.add(tmp_path / 'enc')}", done.checksum)
        sms.push_dataset_secret(dataset, done.key, buyer.gate)
        order = buyer.dataset_order(dataset, volume=DATASET_INFINITE_VOLUME, tag=TDX)
        task = buyer.run(app, {"bulk_cid": self.slices(buyer, blobs, [order])}, tag=TDX)
        assert seen(buyer, task)[0] == {dataset: "confidential"}

    def test_an_order_that_does_not_fit_is_an_error(self, buyer, app, blobs):
        (small,) = self.orders(buyer, blobs, 1, volume=7)
        task = buyer.run(app, {"bulk_cid": self.slices(buyer, blobs, [small])})
        assert small.dataset in error_of(buyer, task)

    def test_an_order_with_a_bad_signature_is_an_error(self, buyer, app, blobs):
        (order,) = self.orders(buyer, blobs, 1)
        stranger = Buyer(buyer.handle, user=3)
        forged = order.sign(buyer.domain, stranger.user.signer)
        text = error_of(buyer, buyer.run(app, {"bulk_cid": self.slices(buyer, blobs, [forged])}))
        assert "does not fit the deal" in text

    @pytest.mark.parametrize("content", [None, b"not json", b"{}", b"[]", b'["Qm"]', b"[[1]]", b"[" * 99_000])
    def test_an_unreadable_bulk_has_no_datasets(self, buyer, app, blobs, content):
        cid = "QmW2WQi7j6c7UgJTarActp7tDNikE4B2qXtFCfLPdsgaTQ" if content is None else blobs.add(content)
        _, env = seen(buyer, buyer.run(app, {"bulk_cid": cid}))
        assert env["IEXEC_BULK_SLICE_SIZE"] == "0"


class TestSecrets:
    def test_reach_the_app_of_a_tee_deal_only(self, buyer, tmp_path, sms):
        app = buyer.install(tmp_path / "secret", SHOW)
        sms.push_app_secret(app, "from the developer", buyer.gate)
        name = f"mine-{time.time_ns()}"
        sms.push_requester(name, "from the requester", buyer.gate)
        wanted = {"1": name, "2": "never pushed", "0": name, "-1": name, "x": name, "07": 5}
        params = {"iexec_secrets": wanted}
        _, env = seen(buyer, buyer.run(app, params, tag=TDX))
        assert {name: value for name, value in env.items() if "SECRET" in name} == {
            "IEXEC_APP_DEVELOPER_SECRET": "from the developer",
            "IEXEC_APP_DEVELOPER_SECRET_1": "from the developer",
            "IEXEC_REQUESTER_SECRET_1": "from the requester",
        }
        _, env = seen(buyer, buyer.run(app, params))
        assert not [name for name in env if "SECRET" in name]

    def test_the_hello_app_says_that_they_are_there(self, buyer, sms):
        app = buyer.deploy_app("iexechub/python-hello-world:8.0.4")
        sms.push_app_secret(app, "hush", buyer.gate)
        text = buyer.files(buyer.run(app, tag=TDX))["result.txt"].decode()
        assert "app secret: there" in text
        assert "hush" not in text


class TestEncryptedResults:
    PARAMS = {"iexec_result_encryption": True}  # noqa: RUF012

    def test_are_for_the_beneficiary(self, buyer, app, sms, keys, tmp_path):
        private, public = keys
        sms.push_web2(RESULT_ENCRYPTION_KEY, public_key_secret(public), buyer.gate, update=True)
        task = buyer.run(app, self.PARAMS, tag=TDX)
        assert sorted(buyer.files(task)) == ["aes-key.rsa", "iexec_out.zip.aes"]
        decrypt_result(buyer.download(task), tmp_path / "clear.zip", private)
        with zipfile.ZipFile(io.BytesIO((tmp_path / "clear.zip").read_bytes())) as archive:
            assert sorted(archive.namelist()) == ["computed.json", "seen.json"]

    def test_errors_are_encrypted_too(self, buyer, app, sms, keys, tmp_path):
        sms.push_web2(RESULT_ENCRYPTION_KEY, public_key_secret(keys[1]), buyer.gate, update=True)
        params = {**self.PARAMS, "iexec_input_files": ["http://127.0.0.1:1/"]}
        task = buyer.run(app, params, tag=TDX)
        decrypt_result(buyer.download(task), tmp_path / "clear.zip", keys[0])
        with zipfile.ZipFile(tmp_path / "clear.zip") as archive:
            assert "error.txt" in archive.namelist()

    @pytest.mark.parametrize("key", ["?", "bm90IGEga2V5"])
    def test_need_a_key_that_is_one(self, buyer, app, sms, key):
        sms.push_web2(RESULT_ENCRYPTION_KEY, key, buyer.gate, update=True)
        (task,) = buyer.tasks(buyer.match(app, self.PARAMS, tag=TDX))
        update = buyer.wait_replicate(task)["statusUpdateList"][-2]
        assert update["cause"] == "POST_COMPUTE_MALFORMED_ENCRYPTION_PUBLIC_KEY"

    @pytest.mark.sandbox
    def test_need_a_key(self, tmp_path):
        with Sandbox(tmp_path / "state") as handle:  # where nobody has pushed a key
            stranger = Buyer(handle)
            app = stranger.install(tmp_path / "app", SHOW)
            (task,) = stranger.tasks(stranger.match(app, self.PARAMS, tag=TDX))
            update = stranger.wait_replicate(task)["statusUpdateList"][-2]
            cause = "TEE_SESSION_GENERATION_POST_COMPUTE_GET_ENCRYPTION_TOKENS_FAILED_EMPTY_BENEFICIARY_KEY"
            assert update["cause"] == cause
            assert cause in stranger.stderr(task)


class TestDropbox:
    PARAMS = {"iexec_result_storage_provider": "dropbox"}  # noqa: RUF012

    def test_needs_a_token_and_is_not_there_anyway(self, buyer, app, sms):
        causes = []
        for _ in range(2):
            (task,) = buyer.tasks(buyer.match(app, self.PARAMS, tag=TDX))
            causes.append(buyer.wait_replicate(task)["statusUpdateList"][-2]["cause"])
            sms.push_web2(DROPBOX_TOKEN, "token", buyer.gate, update=True)
        assert causes == [
            "TEE_SESSION_GENERATION_POST_COMPUTE_GET_STORAGE_TOKENS_FAILED",
            "POST_COMPUTE_DROPBOX_UPLOAD_FAILED",
        ]
        assert "no way to Dropbox" in buyer.stderr(task)
