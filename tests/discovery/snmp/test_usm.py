"""SNMPv3's security: keys by the vectors of the standard, messages that nobody can change or read without them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.snmp import ber, usm
from discovery.snmp.credential import AuthenticationProtocol, PrivacyProtocol, User
from discovery.snmp.user_exchange import Keyring
from discovery.snmp.varbind import Oid
from muster.errors import AuthenticationError, InputError
from tests.discovery.snmp.test_ber import OIDS

ENGINE_ID = bytes.fromhex("000000000000000000000002")
DIGESTS: list[AuthenticationProtocol] = ["MD5", "SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"]
CIPHERS: list[PrivacyProtocol] = ["AES", "AES-192", "AES-256"]
KEYRING = Keyring()


def user_of(level: int, digest: AuthenticationProtocol = "SHA-256", cipher: PrivacyProtocol = "AES") -> User:
    """Level 0 noAuthNoPriv, 1 authNoPriv, 3 authPriv."""
    return User("muster", "maplesyrup" if level & 1 else None, "mapleleaf" if level & 2 else None, digest, cipher, "ctx")


@pytest.mark.parametrize(
    ("digest", "stretched", "localised"),
    [
        ("MD5", "9faf3283884e92834ebc9847d8edd963", "526f5eed9fcce26f8964c2930787d82b"),
        ("SHA", "9fb5cc0381497b3793528939ff788d5d79145211", "6695febc9288e36282235fc7151f128497b38f3f"),
    ],
)
def test_keys_are_those_of_rfc_3414_appendix_a_3(digest: AuthenticationProtocol, stretched: str, localised: str) -> None:
    key = usm.stretch_secret(digest, "maplesyrup")
    assert (key.hex(), usm.localise_key(digest, key, ENGINE_ID).hex()) == (stretched, localised)


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("digest", DIGESTS)
def test_a_key_is_as_long_as_its_cipher_takes(digest: AuthenticationProtocol, cipher: PrivacyProtocol) -> None:
    keys = KEYRING.keys_for(user_of(3, digest, cipher), ENGINE_ID)
    assert len(keys.privacy) == {"AES": 16, "AES-192": 24, "AES-256": 32}[cipher]


@given(
    st.sampled_from([0, 1, 3]), st.sampled_from(DIGESTS), st.sampled_from(CIPHERS), st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1),
    st.lists(OIDS, max_size=5), st.binary(min_size=8, max_size=8),
)  # fmt: skip
def test_what_is_sealed_is_opened(
    level: int, digest: AuthenticationProtocol, cipher: PrivacyProtocol, number: int, time: int, oids: list[Oid], salt: bytes
) -> None:
    user, engine = user_of(level, digest, cipher), usm.Engine(ENGINE_ID, 7, time)
    keys = KEYRING.keys_for(user, ENGINE_ID)
    datagram = usm.seal_request(number, engine, user, keys, ber.encode_pdu(ber.RESPONSE, 5, oids), salt=salt)
    sealed = usm.read_sealed(datagram)
    assert (sealed.message_id, sealed.engine, sealed.user_name, sealed.flags & 3) == (number, engine, b"muster", level)
    assert ber.read_number(datagram) == number
    found = usm.open_sealed(sealed, keys)
    assert ([each.oid for each in found.varbinds], found.is_whole) == ([tuple(oid) for oid in oids], True)
    if level == 3:
        assert ber.encode_pdu(ber.RESPONSE, 5, oids) not in datagram


@given(st.data())
def test_a_changed_message_is_not_opened(data: st.DataObject) -> None:
    user = user_of(data.draw(st.sampled_from([1, 3])))
    keys = KEYRING.keys_for(user, ENGINE_ID)
    pdu = ber.encode_pdu(ber.RESPONSE, 5, [(1, 3, 6, 1, 2, 1, 1, 5, 0)])
    datagram = bytearray(usm.seal_request(9, usm.Engine(ENGINE_ID, 7, 100), user, keys, pdu, salt=b"saltsalt"))
    datagram[data.draw(st.integers(0, len(datagram) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        sealed = usm.read_sealed(bytes(datagram))
        usm.open_sealed(sealed, keys)
    except InputError:
        return
    # Opened without its digest it says so, and an exchange refuses what is below the user's level.
    assert sealed.flags & 3 != keys.flags


@given(st.binary(max_size=120), st.integers(0, 200))
def test_octets_that_are_no_message_are_refused_and_nothing_else(octets: bytes, cut: int) -> None:
    user = user_of(3)
    keys = KEYRING.keys_for(user, ENGINE_ID)
    whole = usm.seal_request(9, usm.Engine(ENGINE_ID, 7, 100), user, keys, ber.encode_pdu(ber.RESPONSE, 5, []), salt=b"saltsalt")
    for datagram in (octets, whole[: min(cut, len(whole) - 1)]):
        with pytest.raises(InputError):
            usm.open_sealed(usm.read_sealed(datagram), keys)


def test_another_users_keys_open_nothing() -> None:
    pdu = ber.encode_pdu(ber.RESPONSE, 5, [])
    user, other = user_of(3), User("muster", "maplesyrup", "another-leaf")
    datagram = usm.seal_request(9, usm.Engine(ENGINE_ID, 7, 1), user, KEYRING.keys_for(user, ENGINE_ID), pdu, salt=b"saltsalt")
    with pytest.raises(InputError):
        usm.open_sealed(usm.read_sealed(datagram), KEYRING.keys_for(other, ENGINE_ID))


def test_the_other_key_extension_is_left_to_pysnmp_where_it_differs() -> None:
    known = {(digest, cipher) for digest in DIGESTS for cipher in ("AES", "AES-256", "AES-256-C") if usm.supports(user_of(3, digest, cipher))}  # type: ignore[arg-type]  # names of ciphers
    assert {digest for digest in DIGESTS if (digest, "AES-256-C") not in known} == {"MD5", "SHA", "SHA-224"}
    assert all((digest, cipher) in known for digest in DIGESTS for cipher in ("AES", "AES-256"))


def test_an_empty_secret_is_refused_and_no_secret_shows() -> None:
    with pytest.raises(AuthenticationError, match="empty passphrase"):
        KEYRING.keys_for(User("muster", "", "x"), ENGINE_ID)
    keys = KEYRING.keys_for(user_of(3), ENGINE_ID)
    assert keys.authentication.hex() not in repr(keys)
    assert repr(keys.authentication) not in repr(keys)
