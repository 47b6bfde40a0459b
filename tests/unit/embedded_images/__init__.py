"""The pictures of the embedded OMERO."""
