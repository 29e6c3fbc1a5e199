"""What the audit pages say: entries as sentences, proofs line by line."""
