"""The store: the only place with SQL. Design: docs/storage.md.

Opening, writing
    engine.open_database(url) -> Database             .connect() reading, .begin() writing, .close(); sqlite:///PATH, postgresql+psycopg://...
    migrate.migrate_database(database)                to the newest schema, under a lock
    writer.Writer(database)                           .start(), .submit(work) -> Future, await .run(work), .stop(); group commit

Taking reports (run inside the writer: `await writer.run(lambda connection: ingest.accept_report(connection, context, envelope))`)
    ingest.Context(catalogue, junk, settings, ...)    built once at start
    ingest.Envelope(report, body, content_type, received_at, sent_at, token)  one received report
    ingest.accept_report(connection, context, envelope) -> Answer

Deciding (same: inside the writer)
    decision.accept_differences / reject_differences / ignore_differences / undo_decision / resolve_case / adopt_suggestion
    recorded.patch_recorded(connection, ...)          recorded attributes and tags, with If-Match version
    audit_chain.append(connection, at, actor=, action=, subject=, detail=) / verify(connection)

Letting in
    token.create_token / find_token / redeem_token / note_use / revoke_token; session.begin_session / find_session / end_session
    account.create_account / check_password / hash_password / save_role / disable_account

Keeping
    sweep.sweep(connection, context, now)             presence, expired checks, ignored differences, pins
    retention.delete_expired(connection, ...)         journal and samples
    liveness.begin / beat / end, lease.acquire / release, setting.load / save
    series.save_samples(connection, source_id, tables=, samples=, received_at=, shift_ms=) -> digests to send in full
    compaction.load_work(reading) / compact / save    blocks of an hour become one
"""
