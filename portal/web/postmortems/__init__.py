"""Post-mortems: the pages, and what is done around the text."""
