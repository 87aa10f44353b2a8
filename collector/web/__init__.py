"""The pages that people read and decide on. `frame.add_pages(app)` puts them, their static files and headers into an application.

Not for: machines (`collector/api`) or what is stored (`collector/store`). Design: docs/reference/layout.md.
"""

from __future__ import annotations

from collector.web.frame import add_pages

__all__ = ["add_pages"]
