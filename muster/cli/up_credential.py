"""The credentials of `muster up`: the profile by which commands find the collector, the sources' tokens, a sign-in link for a person."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from muster.cli.client import Client
from muster.cli.profile import Profile
from muster.errors import AuthenticationError, ConfigurationError

ACCOUNT = "admin"


@dataclass(frozen=True)
class Address:
    """Where the collector listens; with TLS the files of its certificates and the authority's SHA-256 (hexadecimal)."""

    url: str
    authority: str = ""
    certificate: str = ""
    key: str = ""
    fingerprint: str = ""


@dataclass(frozen=True)
class Credentials:
    """Files with tokens (0600), and a link that signs a person in once."""

    agent_token_file: Path
    enrolment_token_file: Path
    sign_in_link: str


def ensure_profile(state: Path, address: Address) -> str:
    """The administrator's API token: of the profile, else a new one, made in the database before the collector opens it."""
    profile = state / "profile.toml"
    if profile.exists() and (state / "muster.db").exists():
        try:
            token = str(tomllib.loads(profile.read_text(encoding="utf-8"))["token"])
        except (tomllib.TOMLDecodeError, KeyError):
            raise ConfigurationError(f"{profile} holds no token; remove it to get a new one") from None
    else:
        from collector.bootstrap import prepare

        for old in (state / "agent" / "token", state / "discovery" / "enrolment-token"):
            old.unlink(missing_ok=True)
        token = prepare(f"sqlite:///{state / 'muster.db'}", account_name=ACCOUNT)
    lines = [f'url = "{address.url}"', f'token = "{token}"', *([f'ca_file = "{address.authority}"'] if address.authority else [])]
    write_private(profile, "\n".join(lines) + "\n")
    return token


def ensure_credentials(state: Path, address: Address, token: str, *, host: str, zone: str) -> Credentials:
    """What the sources and a person need of a collector that runs. Raises ConfigurationError where the profile's token is not its own."""
    client = Client(Profile(address.url, token, address.authority or None))
    agent, enrolment = state / "agent" / "token", state / "discovery" / "enrolment-token"
    try:
        if not agent.exists():
            scope = {"kinds": ["agent"], "names": [host], "zones": [zone]}
            made = client.send("POST", "/v1/tokens", {"kind": "source", "name": host, "scope": scope})
            write_private(agent, made["token"] + "\n")
        if not enrolment.exists():
            made = client.send("POST", "/v1/tokens", {"kind": "enrolment", "name": "muster up"})
            write_private(enrolment, made["token"] + "\n")
        link = client.send("POST", f"/v1/accounts/{ACCOUNT}/sign-in-link")
    except AuthenticationError:
        raise ConfigurationError(f"the database does not know the token of {state / 'profile.toml'}; remove that file to get a new one") from None
    return Credentials(agent, enrolment, link["url"])


def write_private(file: Path, text: str) -> None:
    """A file that its owner alone may read, whole or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_name(file.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as output:
        output.write(text)
    part.replace(file)
