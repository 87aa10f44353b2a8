"""Inventory sections as items, the same from an agent and over SSH: `to_items` of each module is pure and takes parsed records."""
