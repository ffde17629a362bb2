"""What runs on Ray workers: the one place where Ray meets torch."""
