"""Human evaluation: people judge which image is real, or better. A study, its local web page, the answers, a report."""
