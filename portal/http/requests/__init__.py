"""What a request's page is made of."""
