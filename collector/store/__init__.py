"""The store: the only place with SQL. Design: docs/storage.md.

Opening, writing
    engine.open_database(url) -> Database             .connect() reading, .begin() writing, .close(); sqlite:///PATH, postgresql+psycopg://...
    migrate.migrate_database(database)                to the newest schema, under a lock
    writer.Writer(database)                           .start(), .submit(work) -> Future, await .run(work), .stop(); group commit

Taking reports (run inside the writer: `await writer.run(lambda connection: ingest.accept_report(connection, context, envelope))`)
    ingest.Context(catalogue, junk, settings, policies, initial_discovery)    built once at start
    ingest.Envelope(report, body, content_type, received_at, sent_at, token)  one received report; `body` inflated, `token` a source.Grant
    ingest.accept_report(connection, context, envelope) -> Answer             receive_report -> Receipt: the answer and what changed

Deciding (same: inside the writer; each gives the decision's id, with `actor`, `now` and `reason` by name)
    decision.Choice(tokens, group)                                            ids with the token that was seen, and every open one of a group
    decision.accept_differences / reject_differences / ignore_differences(connection, context, choice, ...)
    decision.undo_decision(connection, context, decision_id, ...)
    decision.resolve_case(connection, context, case_id, action, choice=, ...)  same | different | replace | revive | release | confirm | dismiss
    decision.adopt_suggestion(connection, context, ci_key, other_key, ...)    the first CI's records belong to the other
    merge.merge_cis(connection, context, survivor_key, other_keys, choices, ...)   links edited, all that moves noted; docs/merges.md
    unmerge.unmerge(connection, context, decision_or_ci, ...)                 and of an un-merge: merged again
    split.split_records(connection, context, ci_key, records, ...)            merge_later.assign_later(connection, context, item_id, ci_key, ...)
    tombstone.delete_ci(connection, context, ci_key, ...)                     rehearsal.rehearse(connection, reading, decide) -> Outcome
    recorded.patch_recorded(connection, context, ci_key, Patch, if_version=, ...) -> version
    recording.record_ci(connection, context, ci_class, Patch, identifiers=, zone=, ...) -> StoredCi
    pin.pin_value(connection, context, ci_key, PinWish, ...) / unpin_value
    audit_chain.append(connection, ...) / verify(connection)

Keeping
    sweep.sweep(connection, context, now) -> Swept    presence, expired checks, ignored differences, pins
    retention.delete_expired(connection, ...)         journal and samples
    liveness.begin / beat / end, lease.acquire / release, setting.load / save
    series.save_samples(connection, source_id, tables=, samples=, received_at=, shift_ms=) -> digests to send in full
    compaction.load_work(reading) / compact / save    blocks of an hour become one
"""
