"""Whether what this project is installed with is known to be vulnerable, without a network."""
