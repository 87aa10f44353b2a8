"""passwd(5) and group(5): local accounts and the groups that they are in."""

from __future__ import annotations

from typing import NamedTuple


class Account(NamedTuple):
    """One local account; `groups` are the names of the primary and supplementary groups, sorted."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    full_name: str
    groups: tuple[str, ...]


def parse_accounts(passwd_text: str, group_text: str) -> list[Account]:
    """Accounts in the order of passwd; malformed lines and NIS markers (`+`) are left out."""
    group_names, members = _parse_groups(group_text)
    found: dict[str, Account] = {}
    for line in passwd_text.splitlines():
        fields = line.split(":")
        if len(fields) != 7 or not fields[0] or fields[0][0] in "+-#" or not _is_number(fields[2]) or not _is_number(fields[3]):
            continue
        name, gid = fields[0], int(fields[3])
        groups = {*members.get(name, ()), *([group_names[gid]] if gid in group_names else [])}
        found.setdefault(name, Account(name, int(fields[2]), gid, fields[5], fields[6], fields[4].partition(",")[0], tuple(sorted(groups))))
    return list(found.values())


def account_names(passwd_text: str) -> dict[int, str]:
    """The first account name of each user number."""
    names: dict[int, str] = {}
    for line in passwd_text.splitlines():
        fields = line.split(":")
        if len(fields) >= 3 and fields[0] and _is_number(fields[2]):
            names.setdefault(int(fields[2]), fields[0])
    return names


def _parse_groups(text: str) -> tuple[dict[int, str], dict[str, list[str]]]:
    names: dict[int, str] = {}
    members: dict[str, list[str]] = {}
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) != 4 or not _is_number(fields[2]):
            continue
        names.setdefault(int(fields[2]), fields[0])
        for member in fields[3].split(","):
            if member:
                members.setdefault(member, []).append(fields[0])
    return names, members


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
