"""Where a form leads back to: an address of this server and no other."""

from __future__ import annotations

from urllib.parse import urlsplit


def safe_return(address: str) -> str:
    r"""The address where it is a path of this server, else the first page.

    >>> safe_return("/cis?q=class:server"), safe_return("//evil.example"), safe_return("https://evil.example/"), safe_return("/\\evil.example")
    ('/cis?q=class:server', '/', '/', '/')
    """
    parts = urlsplit(address)
    is_own = not parts.scheme and not parts.netloc and address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if is_own and address.isprintable() and len(address) <= 4096 and parts.path != "/sign-in" else "/"
