"""Human-readable durations."""


def format_duration(seconds):
    """Formats a duration in short form: `0:07`, `12:03`, `2:05:00`.

    Example:

    >>> format_duration(125.4)
    '2:05'
    """
    seconds = int(round(seconds))
    hours, minutes, seconds = seconds // 3600, seconds % 3600 // 60, seconds % 60
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
