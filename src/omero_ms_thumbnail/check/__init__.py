"""``omero-ms-thumbnail check``: walks the way of a thumbnail step by step, and names what is in its way.

A composition root beside `server`: it knows every room, and nothing of the service knows it.
"""

from .finding import Finding, Outcome
from .report import as_json, as_text, closing_line
from .walk import CheckRequest, walk

__all__ = ["CheckRequest", "Finding", "Outcome", "as_json", "as_text", "closing_line", "walk"]
