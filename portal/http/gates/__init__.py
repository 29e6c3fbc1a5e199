"""What the gates' pages share."""
