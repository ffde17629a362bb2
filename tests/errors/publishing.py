"""What a publish stage refuses: places, splits, tables."""
