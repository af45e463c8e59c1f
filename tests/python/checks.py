"""What the scripts say of what they found."""


def checked(fact: str) -> None:
    """Says what was found to be so."""
    print(f"ok: {fact}")
