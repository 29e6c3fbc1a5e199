"""What a row is called, where its name is a text and not somebody's data."""

from django.utils.html import escape

from breakglass.texts import translated


class NamedByText:
    """For models whose `__str__` is a text: a page says it in the reader's language."""

    def __html__(self) -> str:
        """Returns the name for a page; what is stored or logged stays English."""
        return escape(translated(str(self)))
