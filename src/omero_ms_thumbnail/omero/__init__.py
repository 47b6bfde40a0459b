"""OMERO's API as typed asynchronous Python: calls, RTypes, exceptions, joined sessions and their pool."""
