"""The Ice protocol in pure Python: encoding and messages without I/O, asyncio connections, Glacier2, a server."""
