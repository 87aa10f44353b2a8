"""Local accounts and their groups, from /etc/passwd and /etc/group. Passwords are never read."""

from __future__ import annotations

from agent.host import Host
from agent.section import Content, Section, failed
from muster.facts.account import parse_accounts
from muster.facts.section.account import to_items


def read_account(host: Host) -> Content:
    """Accounts; without the file of groups only their primary group's number is known."""
    passwd, group = host.read_text("/etc/passwd"), host.read_text("/etc/group")
    accounts = parse_accounts(passwd or "", group or "")
    return Content(to_items(accounts), is_complete=group is not None) if accounts else failed("/etc/passwd shows no account")


SECTION = Section("account", "Local accounts", read_account, ("/etc/passwd", "/etc/group"))
