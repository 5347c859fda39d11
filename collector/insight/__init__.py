"""What is told of what is stored: it only reads, for commands and for pages alike."""
