"""The version of the package, where a file that needs it can import it without importing all of the package."""

__version__ = "0.1.0"
