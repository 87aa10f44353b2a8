"""One module per page; each declares `PAGE` (docs/reference/extending.md)."""
