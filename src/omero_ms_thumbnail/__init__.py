"""Thumbnails for OMERO.web, fetched asynchronously from OMERO and served in its place."""
