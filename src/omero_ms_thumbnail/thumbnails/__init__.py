"""From what a user asks for to JPEGs: batching, single flight, and one by one for what a batch leaves out."""
