"""What `genai show` and `genai status --web` refuse."""
