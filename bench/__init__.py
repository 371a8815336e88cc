"""bench: which front end and which network are best on your audio, and can you trust the number?"""

__version__ = "0.1.0"
