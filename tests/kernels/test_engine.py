"""An engine file that cannot be loaded is refused before anybody tries; both sides are named."""

import json
import zipfile
from contextlib import suppress
from fractions import Fraction

import pytest

from kernels import engine
from kernels.contract import Contract
from kernels.errors import UserError

CONTRACT = Contract(
    classes=("a", "b"),
    palette=((0, 0, 0), (1, 1, 1)),
    factor=Fraction(1, 4),
    writer="test",
).to_json()
BUILD = {"flavour": "rtx", "tensorrt": "1.7.1.116", "architectures": [86, 120]}
MINE = {"flavour": "rtx", "version": "1.7.1.116", "architecture": 86}


@pytest.fixture
def place(tmp_path):
    return tmp_path / "model.trt"


def written(place, **facts):
    entries = {engine.PLAN: b"plan" * 50, engine.CONTRACT: CONTRACT.encode()}
    engine.write(place, entries, {**BUILD, **facts})
    return place


def rewritten(place, name, content):
    """The same zip with another content of one entry."""
    with zipfile.ZipFile(place) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(place, "w") as archive:
        for entry, held in {**entries, name: content}.items():
            archive.writestr(entry, held)


def test_what_was_written_is_read_and_plain_tools_get_the_plan(place):
    opened = engine.read(written(place))
    assert opened.contract == CONTRACT
    assert opened.build["tensorrt"] == "1.7.1.116"
    with zipfile.ZipFile(place) as archive:
        assert archive.read("plan.engine") == opened.plan() == b"plan" * 50
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def test_the_same_content_is_the_same_file(place, tmp_path):
    assert written(place).read_bytes() == written(tmp_path / "again.trt").read_bytes()


def test_this_very_machine_may_load_it(place):
    engine.refuse_unloadable(engine.read(written(place)), **MINE)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"flavour": "tensorrt", "version": "10.13.0"}, ("rtx 1.7.1.116", "tensorrt 10.13.0")),
        ({"version": "1.8.0.1"}, ("1.7.1.116", "1.8.0.1")),
        ({"architecture": 89}, ("sm86, sm120", "sm89")),
    ],
)
def test_another_flavour_version_or_gpu_is_refused_naming_both(place, other, told):
    with pytest.raises(UserError, match="this") as caught:
        engine.refuse_unloadable(engine.read(written(place)), **{**MINE, **other})
    assert str(place) in caught.value.message
    assert all(side in caught.value.message for side in told)


def test_a_plan_of_rtx_under_the_name_of_tensorrt_is_refused(place):
    facts = {**BUILD, "flavour": "tensorrt", "tensorrt": "10.13.0"}
    entries = {engine.PLAN: b"vtrt" + bytes(60), engine.CONTRACT: CONTRACT.encode()}
    engine.write(place, entries, facts)
    given = {"flavour": "tensorrt", "version": "10.13.0", "architecture": 86}
    with pytest.raises(UserError, match=r"say tensorrt, but its plan is one of TensorRT-RTX"):
        engine.refuse_unloadable(engine.read(place), **given)


def test_compatible_engines_go_where_they_were_made_to_go(place):
    opened = engine.read(written(place, version_compatible=True))
    engine.refuse_unloadable(opened, **{**MINE, "version": "1.9.0.1"})
    for version in ("1.6.0.1", "2.0.0.1"):
        with pytest.raises(UserError, match=version):
            engine.refuse_unloadable(opened, **{**MINE, "version": version})
    opened = engine.read(written(place, hardware_compatibility="ampere+"))
    engine.refuse_unloadable(opened, **{**MINE, "architecture": 89})
    with pytest.raises(UserError, match="sm75"):
        engine.refuse_unloadable(opened, **{**MINE, "architecture": 75})


def test_a_tampered_contract_or_plan_is_named_with_both_digests(place):
    for name in (engine.CONTRACT, engine.PLAN):
        rewritten(written(place), name, b"other")
        with pytest.raises(UserError, match=f"{name} is not what was exported") as caught:
            engine.read(place)
        assert "the build facts say" in caught.value.message


def test_an_added_entry_is_refused(place):
    rewritten(written(place), "more.txt", b"more")
    with pytest.raises(UserError, match=r"more\.txt is not what was exported"):
        engine.read(place)


def test_a_file_cut_anywhere_is_refused(place):
    whole = written(place).read_bytes()
    for length in range(0, len(whole), 37):
        place.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"model\.trt"):
            engine.read(place)


def test_a_changed_byte_anywhere_is_refused_or_harmless(place):
    whole = written(place).read_bytes()
    for index in range(0, len(whole), 29):
        place.write_bytes(whole[:index] + bytes([whole[index] ^ 0xFF]) + whole[index + 1 :])
        with suppress(UserError):
            opened = engine.read(place)
            assert (opened.plan(), opened.contract) == (b"plan" * 50, CONTRACT)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, b"ptrt" + bytes(500)])
def test_garbage_and_a_bare_plan_are_refused(place, content):
    place.write_bytes(content)
    with pytest.raises(UserError, match="not an engine file"):
        engine.read(place)


def test_another_zip_and_no_file_are_refused(place):
    with pytest.raises(UserError, match="no such file"):
        engine.read(place)
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(UserError, match=r"without plan\.engine"):
        engine.read(place)


@pytest.mark.parametrize("build", ["[]", "{}", '{"sha256": 3}', "{", "[" * 100_000])
def test_damaged_build_facts_are_refused(place, build):
    rewritten(written(place), engine.BUILD, build.encode())
    with pytest.raises(UserError, match=r"model\.trt"):
        engine.read(place)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"flavour": None}, "flavour"),
        ({"tensorrt": 10}, "tensorrt"),
        ({"architectures": 86}, "architectures"),
        ({"architectures": ["86"]}, "architectures"),
        ({"architectures": [True]}, "architectures"),
    ],
)
def test_build_facts_that_cannot_be_compared_are_refused(place, facts, told):
    with pytest.raises(UserError, match=f"do not say {told}"):
        engine.read(written(place, **facts))


def test_an_entry_that_is_there_twice_is_refused(place):
    with zipfile.ZipFile(written(place), "a") as archive, pytest.warns(match="Duplicate name"):
        archive.writestr(engine.PLAN, b"another plan")
    with pytest.raises(UserError, match=r"plan\.engine is in it more than once"):
        engine.read(place)


def test_a_zip_that_unpacks_without_end_is_refused_before_it_is_unpacked(place, monkeypatch):
    with zipfile.ZipFile(written(place), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(50_000_000))
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(UserError, match="bomb is packed"):
        engine.read(place)


def test_entries_that_share_their_bytes_are_refused(place):
    content = bytearray(written(place).read_bytes())
    # The size that the directory at the end gives the plan, as stored and as it comes out.
    at = content.rindex(engine.PLAN.encode()) - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    content[at + 20 : at + 28] = (10_000).to_bytes(4, "little") * 2
    place.write_bytes(content)
    with pytest.raises(UserError, match="its entries overlap"):
        engine.read(place)


def test_an_entry_that_wants_a_password_is_refused(place):
    content = bytearray(written(place).read_bytes())
    for signature, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.index(signature) + flags] |= 1
    place.write_bytes(content)
    with pytest.raises(UserError, match="not an engine file"):
        engine.read(place)


def test_an_entry_that_is_not_there_is_named(place):
    with pytest.raises(UserError, match=r"holds no paint-sm86\.json"):
        engine.read(written(place)).read("paint-sm86.json")


def test_a_contract_of_another_version_is_refused_with_its_writer(place):
    plain = {**json.loads(CONTRACT), "version": 99, "writer": "softres 9"}
    entries = {engine.PLAN: b"plan", engine.CONTRACT: json.dumps(plain).encode()}
    engine.write(place, entries, BUILD)
    with pytest.raises(UserError, match="written by softres 9"):
        engine.read(place)
