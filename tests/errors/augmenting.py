"""What a training script can ask of genai.augment that cannot be had."""
