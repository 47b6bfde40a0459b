"""Everything here runs in asyncio's debug mode."""

from tests.asyncio_debug import asyncio_debug_mode as asyncio_debug_mode
