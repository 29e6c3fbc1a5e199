"""Charts as SVG, drawn here, with their numbers beside them."""
