"""Prints the sequences of a store's journal: `python -m tests.trust.journal STORE`."""

from __future__ import annotations

import sys

from collector.store.engine import open_database
from tests.trust.story import load_sequences

if __name__ == "__main__":
    database = open_database(sys.argv[1])
    print(*load_sequences(database))
    database.close()
