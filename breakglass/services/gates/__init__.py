"""Gates: registered, set up, heard from, found fault with, and back to enforcement."""
