"""From what a user asks for to JPEGs: batching, single flight, and the careful way for what a batch leaves out."""
