"""What survives each suspension."""
