"""Everything here runs in asyncio's debug mode."""

from tests.support.asyncio_debug import asyncio_debug_mode as asyncio_debug_mode
