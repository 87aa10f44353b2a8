"""Inventory sections, read by a short-lived child: each module reads one part of the host and declares `SECTION`.

The parsers and the shape of items are `muster/facts`', so that SSH discovery of the same host gives equal items.
"""
