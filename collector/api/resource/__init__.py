"""One module for each noun of the API; each declares `RESOURCE` (collector/api/route.py)."""
