"""A model of OMERO.server: what it does with sessions, permissions, rendering settings and thumbnails, without I/O.

It is plain Python from 3.10 on and imports nothing but the standard library and the texts of queries
(`omero.queries`), so that any stand-in can be built on it: the embedded OMERO drives it with asyncio,
one on OMERO's official stubs with threads. It follows ThumbnailBean, ThumbnailCtx and the security system of
omero-server rule by rule, and answers as a real server did (``tests/unit/embedded/test_model.py``).

| file | is about |
| --- | --- |
| `omero_server` | the model put together: every call of a service |
| `thumbnail_store`, `thumbnail_drawing` | a store's calls; its state, and drawing |
| `thumbnail_context` | whose settings and whose rows, and what is made for a set |
| `rendering_settings`, `persistence` | settings; what a store's Hibernate session has loaded |
| `files`, `data_folder` | files on OMERO's disk, by row; in a folder as OMERO has them |
| `context`, `people` | who acts where (``omero.group``, ``omero.user``) and may do what |
| `data` | images, settings, rows, events, and transactions on them |
| `projections`, `containers` | answers to ``IQuery.projection``, by the text of the query |
| `omero_sessions`, `omero_errors` | sessions and refusals; what OMERO throws |
| `server_limits` | read-only mode, failures on order |

How it is driven
----------------

A call is a generator. Make one with a method of `omero_server.ServerModel`, send it null, and do what it yields:

`call.DatabaseConnection`
    Take one of `ServerLimits.database_connections` database connections, wait if there is none, and give it back when
    the generator has ended, however that was. A call yields it first, once, or never.
`call.Work`
    Something that takes time. Let time pass as you like for its `kind`, **let other calls run** meanwhile (that is
    where two calls at once get into each other's way, as in OMERO), and send the result of `make()` back, or throw what
    it raised; without a `make`, send null. `make` draws: it may run in a thread, everything else must not. The model is
    not thread-safe: hold one lock over every `send`, and let go of it while time passes.

The generator's return value is the answer, in plain values: bytes, bool, int, a dictionary from Pixels ids to bytes,
tuples as rows of a query (`projections.Time` and `projections.Int` mark what is no RLong). `omero_errors.OmeroError` is
what OMERO throws: make an exception of its `kind`, `message` and `members`, with the class ``ome.conditions.<kind>``.
ObjectNotExistException among the kinds is Ice's, PermissionDeniedException Glacier2's. OMERO cannot cancel a call: once
begun, drive it to its end, whether or not somebody still waits for it.

    def drive(steps):
        given = None
        try:
            while True:
                with lock:
                    step = steps.send(given)
                given = None
                if isinstance(step, DatabaseConnection):
                    connections.acquire()          # released when this function ends
                else:
                    time.sleep(latency[step.kind])
                    given = step.make() if step.make else None
        except StopIteration as end:
            return end.value

A session: `server.join(name, password, client_uuid)`, or `server.sessions.keep(user)` as OMERO.web has it; then
`create_thumbnail_store(session)` gives the name under which `call_store(session, name, operation, arguments, context)`
calls it. Arguments are plain and in the slice's order (an RInt that is null is None). The context is that of Ice, with
``omero.group`` and ``omero.user`` where they were sent. A join that goes calls `sessions.left`, a server that is
started anew `sessions.restart`.

How a test prepares it
----------------------

`server.database` is written to at once: `add_image`, `save_settings`, `delete_image`, an image's `state`, `owner_id`
and `group_id`; `clock` is the time of events. `server.people` changes groups and permissions. `server.limits` orders
failures and read-only mode, `server.sessions` ends sessions and refuses joins. What is left behind is in
`database.rendering_defs`, `thumbnails`, `files`, `events` and `events_of`.
"""
