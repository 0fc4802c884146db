"""Keys of a fleet: what was changed or is another's is refused; nobody else can read them."""

import os
import pickle
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import ConfigError, FleetError, WireError
from sightline.fleet.keys.identity import SIGNATURE_BYTES, Identity, PublicKey, from_text, to_text
from sightline.log import redact

ONE, OTHER = Identity.made(), Identity.made()
DATA = b"all that is to run on one machine"
INFO = b"of this purpose"


def changed(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]


@given(st.binary(max_size=500), st.binary(max_size=60))
def test_what_one_sealed_the_other_reads_as_it_was(data: bytes, info: bytes) -> None:
    sealed = ONE.public.seal(data, info)
    assert ONE.open(sealed, info) == data
    assert ONE.public.seal(data, info) != sealed
    assert len(data) < 8 or data not in sealed


def test_a_seal_that_is_changed_in_any_byte_is_refused() -> None:
    sealed = ONE.public.seal(DATA, INFO)
    for at in range(8 * len(sealed)):
        with pytest.raises(FleetError, match="cannot open a seal"):
            ONE.open(changed(sealed, *divmod(at, 8)), INFO)
    for size in range(len(sealed)):
        with pytest.raises(FleetError, match="cannot open a seal"):
            ONE.open(sealed[:size], INFO)


def test_a_seal_for_another_one_or_another_purpose_is_refused() -> None:
    sealed = ONE.public.seal(DATA, INFO)
    for who, info in ((OTHER, INFO), (ONE, b"of that purpose"), (ONE, b"")):
        with pytest.raises(FleetError, match="cannot open a seal"):
            who.open(sealed, info)


@given(st.binary(max_size=500))
def test_a_signature_is_of_one_signer_and_one_text(data: bytes) -> None:
    signature = ONE.sign(data)
    assert len(signature) == SIGNATURE_BYTES
    assert ONE.public.verify(signature, data)
    assert not OTHER.public.verify(signature, data)
    assert not ONE.public.verify(signature, data + b"\0")


def test_a_signature_that_is_changed_in_any_byte_is_refused() -> None:
    signature = ONE.sign(DATA)
    for at in range(8 * len(signature)):
        assert not ONE.public.verify(changed(signature, *divmod(at, 8)), DATA)
    for at in range(len(DATA)):
        assert not ONE.public.verify(signature, changed(DATA, at, 0))
    for wrong in (b"", signature[:-1], signature + b"\0"):
        assert not ONE.public.verify(wrong, DATA)


def test_public_keys_are_read_back_from_their_text() -> None:
    read = PublicKey.parse(str(ONE.public))
    assert read == ONE.public
    assert hash(read) == hash(ONE.public)
    assert read != OTHER.public
    assert read.verify(ONE.sign(DATA), DATA)
    assert ONE.open(read.seal(DATA, INFO), INFO) == DATA


@given(st.text(max_size=120))
def test_a_text_that_is_no_key_is_refused_as_one(text: str) -> None:
    with pytest.raises(WireError, match="expected public keys"):
        PublicKey.parse(text)


def test_keys_of_which_everybody_knows_the_secret_are_not_sealed_for() -> None:
    with pytest.raises(WireError, match="that can be sealed for"):
        PublicKey(bytes(64)).seal(DATA, INFO)
    assert not PublicKey(b"\xff" * 64).verify(bytes(64), DATA)


@given(st.binary(max_size=100))
def test_each_bytes_have_one_text(data: bytes) -> None:
    assert from_text(to_text(data)) == data


@given(st.text(alphabet="AQgw-_ =\n", max_size=8))
@settings(max_examples=300)
def test_another_text_of_the_same_bytes_is_refused(text: str) -> None:
    try:
        data = from_text(text)
    except ValueError:
        return
    assert to_text(data) == text


# The file


def test_an_identity_is_the_same_at_the_next_begin(tmp_path: Path) -> None:
    path = tmp_path / "state" / "identity"
    made = Identity.load_or_make(path)
    assert Identity.load_or_make(path).public == made.public
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["identity"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "identity"
    Identity.load_or_make(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        Identity.load_or_make(path)


def test_a_file_that_is_none_or_a_link_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "identity"
    for text in ("", "sightline-identity-1.", "another file\n", "sightline-identity-2." + "A" * 86):
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(ConfigError, match="to be somebody new, remove it"):
            Identity.load_or_make(path)
        assert path.read_text() == text
    path.write_bytes(b"x" * 5000)
    with pytest.raises(ConfigError, match="at most 1024 bytes"):
        Identity.load_or_make(path)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(ConfigError, match="cannot read"):
        Identity.load_or_make(tmp_path / "link")
    with pytest.raises(ConfigError, match="a plain file"):
        Identity.load_or_make(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match="a plain file"):
        Identity.load_or_make(tmp_path / "pipe")


def test_those_who_make_one_file_at_once_get_the_same_identity(tmp_path: Path) -> None:
    found: list[PublicKey] = []
    begin = threading.Barrier(8)

    def make() -> None:
        begin.wait()
        found.append(Identity.load_or_make(tmp_path / "identity").public)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_where_no_file_can_be_made_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot read .*: Not a directory"):
        Identity.load_or_make(tmp_path / "file" / "identity")
    with pytest.raises(ConfigError, match="cannot make"):
        Identity.load_or_make(Path("/proc/none/identity"))


def test_nothing_shows_the_private_keys(tmp_path: Path) -> None:
    identity = Identity.load_or_make(tmp_path / "identity")
    secret = (tmp_path / "identity").read_text().strip().partition(".")[2]
    assert len(from_text(secret)) == 64
    assert secret not in repr(identity)
    assert secret not in redact(f"it is {secret}, is it not")
    with pytest.raises(TypeError):
        pickle.dumps(identity)
