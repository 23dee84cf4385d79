"""Reading weights that others wrote."""
