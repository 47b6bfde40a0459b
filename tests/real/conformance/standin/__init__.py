"""An OMERO.server of plain rules on omero-py's official Ice stubs. Runs on Python 3.10 with zeroc-ice 3.6 only.

It answers what OMERO.server answers in the slice of its API that thumbnails need, and that OMERO.web needs for its
login page, its thumbnail views and its plate view; with the exceptions and the state of `ThumbnailBean`,
`ThumbnailCtx`, `SessionManagerI`, `PermissionsVerifierI` and `ServiceFactoryI` in OMERO's public sources.
`python -m tests.real.conformance.standin` starts it; `control.py` says how a test steers it.
"""
