"""An OMERO in one process, spoken to over Ice as a real one is: for trying the service out, and for its tests."""
