"""Section `account`: local accounts."""

from __future__ import annotations

from collections.abc import Sequence

from muster.facts.account import Account
from muster.facts.section._item import build_item
from muster.wire.report import Item


def to_items(accounts: Sequence[Account]) -> list[Item]:
    """Items of class `local_account`."""
    return [
        build_item(
            f"account:{each.name}",
            "local_account",
            {"name": each.name},
            {
                "name": each.name,
                "uid": each.uid,
                "gid": each.gid,
                "home": each.home,
                "shell": each.shell,
                "full_name": each.full_name,
                "groups": each.groups,
            },
        )
        for each in accounts
    ]
