"""The version of the package, in a file that can be imported without importing the whole package."""

__version__ = "0.2.0"
