"""What comes from the provider's own side: the integration definition and the call records."""
