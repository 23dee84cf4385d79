"""Judgements by people: which picture is real, or better. A study, its page on this machine, answers, a report."""
