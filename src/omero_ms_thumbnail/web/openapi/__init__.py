"""The description of the HTTP interface, as an OpenAPI 3.1 document that is served at ``/openapi.json``.

Thumbnail paths come from the URL table and ranges from the limits that requests are checked by, so that they cannot be
described otherwise than they are. Which answers a path has stands here, and is compared with those of a running
service.
"""

from .specification import Access, describe

__all__ = ["Access", "describe"]
