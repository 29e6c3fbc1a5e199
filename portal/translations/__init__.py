"""Catalogues of translations: found in the source, kept as .po, compiled to .mo."""
