"""Lists of recorded CIs from files: a mapping says what each column is, rows become what is wished to be on record.

    mapping = parse_mapping(text, "servers.toml", catalogue)     # mapping.py
    table = read_table(content, mapping.format, name="cmdb.xlsx")  # table.py
    wish = read_row(row, mapping, catalogue)                     # row.py: a Wish, or the row's faults

Pure: no database, no network. Putting wishes on record: `collector/store/imported.py`. Design: docs/import.md.
"""
