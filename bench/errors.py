"""The one error a user is meant to read."""


class BenchError(Exception):
    """Bad input or surroundings, told in one line: what is wrong and how to mend it.

    The command line prints the message after ``bench:`` and leaves with exit code 2.
    """


def nearest(name: str, known: list[str]) -> str:
    """A hint for a mistyped name: ``; did you mean 'wgan_gp'? …`` and everything there is."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else ";"
    return f"{hint} there are: {', '.join(sorted(known)) or 'none'}"
