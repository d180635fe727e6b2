"""Every fault that can be staged, each counting lost and doubled events exactly."""
