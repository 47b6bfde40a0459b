"""HTTP and nothing else: the URL table, what a request asks for, who is asking, and how it is answered."""
