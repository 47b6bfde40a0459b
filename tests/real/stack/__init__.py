"""The real OMERO.web, this service and nginx side by side, before an OMERO on the official stubs.

`python -m tests.real.stack up` starts all of it and says how to log in; `python -m tests.real.stack test` runs
the tests here.
"""
