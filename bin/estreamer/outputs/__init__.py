"""Where events go, and when they are safe there."""
