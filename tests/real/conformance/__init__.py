"""Our Ice client against Ice that others wrote: official servants and client, and the real Glacier2 router."""
